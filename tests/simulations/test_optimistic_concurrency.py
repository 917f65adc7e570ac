"""The jitter study against reference values of an independent port (1,000 trials per cell), and the claims."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simulations import optimistic_concurrency as study
from stormlab.sim.theory.retries import contended_calls

TRIALS, REFERENCE_TRIALS = 200, 1_000
NONE, EXPONENTIAL, EQUAL, FULL, DECORRELATED = study.POLICIES

# mean and deviation per trial, policies in the order above
CALLS = {
    1: ((1, 0), (1, 0), (1, 0), (1, 0), (1, 0)),
    2: ((3, 0), (3, 0), (3, 0), (3, 0), (3, 0)),
    5: ((14.92, 0.4), (14.92, 0.4), (14.78, 0.6), (14.26, 0.9), (13.82, 0.9)),
    10: ((50.79, 4.0), (50.77, 4.1), (42.46, 2.5), (38.95, 2.3), (37.60, 2.2)),
    20: ((152.27, 12.5), (149.41, 13.8), (107.94, 4.1), (100.10, 3.5), (100.86, 5.1)),
    50: ((690.67, 16.7), (624.31, 29.2), (347.34, 6.1), (332.71, 4.8), (374.71, 13.2)),
    100: ((2422.68, 30.8), (1856.22, 60.2), (812.45, 7.7), (795.67, 7.0), (1002.14, 29.9)),
    150: ((5142.52, 50.2), (3549.97, 101.0), (1324.36, 10.1), (1318.44, 9.8), (1757.04, 46.4)),
}
MILLISECONDS = {
    1: ((40.1, 4), (40.0, 4), (40.1, 4), (39.9, 4), (40.0, 4)),
    2: ((82.1, 5), (92.2, 5), (89.6, 5), (86.8, 6), (92.4, 6)),
    5: ((206.6, 11), (353.6, 24), (307.3, 38), (249.2, 45), (256.2, 49)),
    10: ((379.5, 34), (3453.3, 1300), (727.4, 184), (465.9, 107), (434.1, 83)),
    20: ((602.0, 54), (14300.0, 2786), (1623.9, 475), (1000.7, 263), (816.1, 174)),
    50: ((1142.5, 43), (36338.0, 3209), (4212.8, 554), (2898.6, 541), (2229.1, 518)),
    100: ((2026.8, 43), (63468.5, 3724), (6621.4, 649), (4942.1, 541), (4593.8, 679)),
    150: ((2878.1, 46), (85983.7, 4213), (8312.0, 648), (6394.8, 531), (6524.3, 816)),
}


@cache
def _result(policy: str, clients: int) -> study.Contention:
    return study.contend(study.POLICIES[policy], clients, trials=TRIALS, seed=clients)


def _calls(policy: str, clients: int) -> float:
    return float(_result(policy, clients).calls.mean())


def _seconds(policy: str, clients: int) -> float:
    return float(_result(policy, clients).seconds.mean())


@pytest.mark.parametrize("clients", CALLS)
def test_table(clients: int) -> None:
    error = 4 * math.sqrt(1 / TRIALS + 1 / REFERENCE_TRIALS)
    for policy, calls, time in zip(study.POLICIES, CALLS[clients], MILLISECONDS[clients], strict=True):
        assert _calls(policy, clients) == pytest.approx(calls[0], abs=error * calls[1] + 0.005), policy
        assert _seconds(policy, clients) * 1e3 == pytest.approx(time[0], abs=error * time[1] + 0.05), policy


@pytest.mark.parametrize("policy", study.POLICIES)
def test_one_client_is_done_after_four_messages_and_two_need_three_writes(policy: str) -> None:
    alone = _result(policy, 1)
    assert (alone.calls == 1).all()
    assert alone.seconds.std() == pytest.approx(2 * study.LEG_SPREAD, rel=0.2)
    assert (_result(policy, 2).calls == 3).all()


@pytest.mark.parametrize("policy", study.POLICIES)
@pytest.mark.parametrize("clients", CALLS)
def test_bounds_hold_in_every_trial(policy: str, clients: int) -> None:
    fewest, most = contended_calls(clients)
    result = _result(policy, clients)
    assert fewest <= result.calls.min()
    assert result.calls.max() <= most


def test_claim_1_without_backoff_work_grows_with_the_square_and_time_linearly() -> None:
    assert _calls(NONE, 100) / 100**2 == pytest.approx(0.242, abs=0.003)
    assert _calls(NONE, 190) / 190**2 == pytest.approx(0.222, abs=0.003)
    slopes = [(_seconds(NONE, many) - _seconds(NONE, few)) / (many - few) for few, many in ((100, 150), (150, 190))]
    assert slopes == pytest.approx([0.0168, 0.0168], abs=0.0008)


def test_claim_2_backoff_alone_helps_little_and_leaves_gaps() -> None:
    assert _calls(EXPONENTIAL, 100) / _calls(NONE, 100) == pytest.approx(1856 / 2423, abs=0.015)
    rate = study.write_rate(_result(EXPONENTIAL, 100))[10:80]
    assert rate.max() > 60
    assert (rate == 0).mean() > 0.7


def test_claim_3_full_jitter_halves_the_work_and_has_no_bursts() -> None:
    assert _calls(FULL, 100) / _calls(EXPONENTIAL, 100) == pytest.approx(0.429, abs=0.01)
    assert _calls(FULL, 100) / _calls(NONE, 100) == pytest.approx(0.328, abs=0.005)
    assert _seconds(EXPONENTIAL, 100) / _seconds(FULL, 100) == pytest.approx(12.8, abs=0.7)
    rate = study.write_rate(_result(FULL, 100))[10:30]
    assert (np.diff(rate) < 1.5).all()
    assert rate.min() > 0.5


def test_claim_4_order_of_work_and_where_full_and_equal_change_places() -> None:
    calls = [_calls(policy, 100) for policy in (FULL, EQUAL, DECORRELATED, EXPONENTIAL, NONE)]
    assert calls == sorted(calls)
    assert _calls(EQUAL, 150) > _calls(FULL, 150)
    assert _calls(EQUAL, 170) == pytest.approx(_calls(FULL, 170), rel=0.004)
    assert _calls(EQUAL, 190) / _calls(FULL, 190) == pytest.approx(0.993, abs=0.003)


def test_claim_5_backoff_without_jitter_is_the_clear_loser() -> None:
    assert _seconds(EXPONENTIAL, 100) == pytest.approx(63.5, abs=1.2)
    assert all(_seconds(EXPONENTIAL, 100) > 9 * _seconds(policy, 100) for policy in (EQUAL, FULL, DECORRELATED))


def test_claim_6_time_among_the_jittered_and_where_full_and_decorrelated_change_places() -> None:
    assert _seconds(EQUAL, 100) / _seconds(FULL, 100) == pytest.approx(1.34, abs=0.06)
    assert _seconds(DECORRELATED, 100) / _seconds(FULL, 100) == pytest.approx(0.93, abs=0.05)
    assert _seconds(DECORRELATED, 100) < _seconds(FULL, 100)
    assert _seconds(DECORRELATED, 190) > _seconds(FULL, 190)
    assert all(_calls(FULL, clients) < _calls(DECORRELATED, clients) for clients in (50, 100, 150, 190))


def test_claim_7_no_backoff_changes_the_nature_of_the_growth() -> None:
    measured = [study.exponent({n: _result(policy, n) for n in (100, 190)}, 100, 190) for policy in study.POLICIES]
    assert measured == pytest.approx([1.86, 1.59, 1.20, 1.25, 1.38], abs=0.03)


def test_a_seed_decides_everything() -> None:
    policy = study.POLICIES[FULL]
    first, again, other = (study.contend(policy, 10, trials=5, seed=seed) for seed in (1, 1, 2))
    assert first.tried.tobytes() == again.tried.tobytes()
    assert first.tried.tobytes() != other.tried.tobytes()


def test_main_asserts_the_findings_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "CLIENTS", (10, 100, 190))
    monkeypatch.setattr(study, "TRIALS", 20)
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "optimistic_concurrency.png").stat().st_size > 10_000
    assert "no backoff" in capsys.readouterr().out
