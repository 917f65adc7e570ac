"""The book's backoff study against reference values of an independent port (40 runs, 5 without backoff)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simulations import backoff_and_jitter as study
from stormlab.policies.backoff import Fixed

RUNS = 10


@cache
def _mean_rates(name: str, runs: int = RUNS) -> study.Times:
    rates = [study.requests_per_second(study.POLICIES[name], seed=seed) for seed in range(runs)]
    mean: study.Times = np.mean(rates, axis=0)
    return mean


def _close(measured: study.Times, expected: Sequence[float], spread: float) -> None:
    """Within four standard errors of the difference; ``spread`` is the deviation of one bucket of one run."""
    tolerance = 4 * spread * (1 / RUNS + 1 / 40) ** 0.5
    assert measured[: len(expected)] == pytest.approx(np.array(expected), abs=tolerance)


def test_no_backoff_is_flat_at_the_renewal_rate() -> None:
    rates = _mean_rates("no backoff", 2)
    spread = (1000 * 0.0408**2 / 0.099**3) ** 0.5
    assert rates[1:].mean() == pytest.approx(1000 / 0.099, rel=0.002)
    assert rates[1:] == pytest.approx(10_101, abs=4.5 * spread / 2**0.5)
    assert rates.sum() == pytest.approx(2.4196e6, rel=0.001)


def test_no_backoff_starts_at_half_the_rate() -> None:
    """The spread is that of 1000 starts, √(1/12)/0.099 requests each; the reference has 5 runs."""
    policy = study.POLICIES["no backoff"]
    first = [study.requests_per_second(policy, seed=seed, seconds=1)[0] for seed in range(RUNS)]
    spread = (1000 / 12) ** 0.5 / 0.099
    assert np.mean(first) == pytest.approx(5_082, abs=4 * spread * (1 / RUNS + 1 / 5) ** 0.5)


def test_a_fixed_delay_swings_and_its_swing_decays() -> None:
    rates = _mean_rates("fixed, 2 s")
    start = [950, 50, 847, 153, 749, 251, 648, 352, 552, 448, 455, 545, 355, 645, 257, 743, 162, 834, 89, 889]
    _close(rates, start, spread=16)
    assert rates.sum() == pytest.approx(114_618, rel=0.001)
    assert rates[180:].min() == pytest.approx(263, abs=25)
    assert rates[180:].max() == pytest.approx(691, abs=25)


def test_exponential_backoff_moves_the_fleet_as_one() -> None:
    rates = _mean_rates("exponential")
    bursts = {
        0: 950, 1: 901, 2: 149, 3: 753, 4: 247, 7: 653, 8: 347, 15: 555, 16: 445, 31: 455, 32: 545,
        63: 356, 64: 644, 123: 258, 124: 741, 183: 162, 184: 834, 185: 5,
    }  # fmt: skip
    _close(rates[list(bursts)], list(bursts.values()), spread=16)
    assert set(np.flatnonzero(rates)) <= {*bursts, 125}
    assert rates.sum() == 9_000


def test_the_books_jitter_spreads_them() -> None:
    rates = _mean_rates("exponential + jitter")
    start = [951, 168, 335, 377, 312, 159, 183, 195, 207, 184, 145, 106, 96, 97, 104, 106, 107, 105, 100, 91]
    _close(rates, start, spread=18)
    assert rates.sum() == pytest.approx(8_164, rel=0.01)
    phases = [(0, 10, 307), (10, 30, 81), (30, 60, 35.7), (60, 120, 17.8), (120, 180, 12.0), (180, 240, 10.1)]
    for begin, end, mean in phases:
        assert rates[begin:end].mean() == pytest.approx(mean, rel=0.05)


def test_first_bucket_of_whoever_waits() -> None:
    """P(start + d/2 < 1) = 1 − E[d]/2, with a mean request of 99 ms."""
    rates = [study.requests_per_second(Fixed(delay=2.0), seed=seed, seconds=1)[0] for seed in range(RUNS)]
    assert np.mean(rates) == pytest.approx(1000 * (1 - 0.099 / 2), abs=4 * 7 / RUNS**0.5)


def test_findings_hold_for_another_seed() -> None:
    study.check({name: study.requests_per_second(policy, seed=11) for name, policy in study.POLICIES.items()})


def test_a_seed_decides_everything() -> None:
    policy = study.POLICIES["exponential + jitter"]
    first, again, other = (study.requests_per_second(policy, seed=seed, instances=50) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_main_draws_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "backoff_and_jitter.png").stat().st_size > 10_000
    assert "exponential                9,000 requests" in capsys.readouterr().out
