"""Open and closed clients against reference values of an independent port (longer runs than the published ones)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from simulations import open_and_closed as study
from stormlab.sim.theory.queues import mg1

QUANTILES = (0.5, 0.99, 0.999)
REQUESTS = 300_000


def _summary(values: study.Numbers) -> list[float]:
    return [float(values.mean()), *np.quantile(values, QUANTILES).tolist()]


def test_open_exponential() -> None:
    latencies = study.open_latencies(study.EXPONENTIAL, requests=4 * REQUESTS, seed=1)
    assert _summary(latencies) == pytest.approx([0.503, 0.348, 2.30, 3.46], rel=0.06)


@pytest.mark.parametrize(
    ("clients", "reference"), [(1, [0.100, 0.069, 0.462, 0.689]), (10, [0.242, 0.184, 0.947, 1.317])]
)
def test_closed_exponential(clients: int, reference: list[float]) -> None:
    latencies = study.closed_latencies(study.EXPONENTIAL, clients, requests=REQUESTS, seed=1)
    assert _summary(latencies) == pytest.approx(reference, rel=0.03)


def test_open_bimodal() -> None:
    """Long services are rare, so several independent runs are pooled."""
    latencies = np.concatenate([study.open_latencies(study.BIMODAL, requests=10**6, seed=seed) for seed in range(6)])
    service = study.BIMODAL
    scv = service.second_moment / service.mean**2 - 1
    theory = mg1(arrival_rate=study.RHO / service.mean, mean_service=service.mean, scv=scv)
    assert theory.response == pytest.approx(4.113, abs=0.001)
    assert latencies.mean() == pytest.approx(theory.response, rel=0.1)
    assert np.quantile(latencies, QUANTILES) == pytest.approx([0.41, 43, 66], rel=0.12)


def test_closed_bimodal() -> None:
    alone = study.closed_latencies(study.BIMODAL, 1, requests=REQUESTS, seed=1)
    ten = study.closed_latencies(study.BIMODAL, 10, requests=REQUESTS, seed=1)
    assert np.quantile(alone, 0.99) == pytest.approx(0.47, rel=0.03)
    assert ten.mean() == pytest.approx(0.316, rel=0.08)
    assert np.quantile(ten, 0.99) == pytest.approx(1.19, rel=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_asking_again_after_15_ms_diverges(seed: int) -> None:
    assert 15_000 < study.queue_lengths(study.BIMODAL, timeout=15, seed=seed)[-1] < 40_000


@pytest.mark.parametrize("seed", range(2))
def test_without_a_timeout_the_queue_drains(seed: int) -> None:
    assert study.queue_lengths(study.BIMODAL, timeout=math.inf, seed=seed)[-1] < 1_000


def test_a_seed_decides_everything() -> None:
    first, again, other = (study.closed_latencies(study.BIMODAL, 3, requests=50, seed=seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_main_asserts_the_findings_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "SEEDS", 2)
    monkeypatch.setattr(study, "REQUESTS", 100_000)
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "open_and_closed.png").stat().st_size > 10_000
    assert "closed" in capsys.readouterr().out
