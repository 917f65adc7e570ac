"""The contended server against reference values (40 runs of an independent port) and its steady state."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from simulations import collapse as study


def test_most_runs_without_backoff_stay_down() -> None:
    """28 of 40 in the reference: 12 runs stay outside 3 … 12 with a chance below 0.3 %."""
    runs = study.play(seed=100, runs=12)
    assert 4 <= study.stuck(runs["no backoff"]) <= 12
    assert study.stuck(runs["backoff"]) == 0
    assert runs["backoff"][:, -10:].mean() == pytest.approx(40.5, abs=2)


def test_without_the_spike_nothing_happens() -> None:
    rate = study.goodput(study.TRIES["no backoff"], seed=1, demand=lambda _now: study.RATE)
    assert rate[10:].mean() == pytest.approx(study.RATE, rel=0.08)


def test_below_the_boundary_of_22_calls_every_run_comes_back() -> None:
    demand = partial(study.spiking, rate=18.0, spike=100.0)
    for seed in range(3):
        rate = study.goodput(study.TRIES["no backoff"], seed=seed, demand=demand)
        assert rate[-10:].mean() == pytest.approx(18, rel=0.25)


@pytest.mark.parametrize("clients", study.TRIES)
def test_a_slow_rise_and_fall_takes_the_server_down_whoever_backs_off(clients: str) -> None:
    """In the reference goodput is 0 from about 25 s on, the moment of the peak, under both policies."""
    rate = study.goodput(study.TRIES[clients], seed=1, demand=study.ramp, seconds=60)
    assert rate[10:18].mean() > 40
    assert rate[27:].sum() == 0


def test_a_seed_decides_everything() -> None:
    first, again, other = (study.goodput(study.TRIES["backoff"], seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_main_asserts_the_findings_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "RUNS", 16)
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "collapse.png").stat().st_size > 10_000
    assert "/16 stuck" in capsys.readouterr().out
