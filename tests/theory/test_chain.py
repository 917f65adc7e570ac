"""The Markov chain of Isaacs et al.: solvers against dense algebra, limits against known queues, shape of the claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory import queues
from stormlab.sim.theory.chain import RetryChain

SMALL = RetryChain(arrival_rate=8, service_rate=10, timeout=2, retries=3, queue=15, orbit=12)
TRAP = RetryChain(arrival_rate=6, service_rate=10, timeout=2, retries=3, queue=60, orbit=40)


def test_every_rate_of_an_inner_state() -> None:
    n, r, retry, drop = 8, 5, 3 / 8, 1 / 8
    late = (np.sqrt(8) / 10 / (2 - 0.8)) ** 2
    row = SMALL.generator().toarray()[n * 12 + r].reshape(15, 12)
    expected = {
        (n + 1, r + 1): 0.25 * 8 * late,
        (n + 1, r): 8 + r * retry * late,
        (n + 1, r - 1): r * retry * (1 - late),
        (n, r - 1): r * drop,
        (n - 1, r): 10.0,
    }
    for state, rate in expected.items():
        assert row[state] == pytest.approx(rate)
    assert row[n, r] == pytest.approx(-sum(expected.values()))
    assert np.count_nonzero(row) == 6


def test_rates_at_the_edges() -> None:
    generator = SMALL.generator().toarray().reshape(15, 12, 15, 12)
    empty, full = generator[0, 4], generator[14, 4]
    assert {tuple(map(int, at)): round(float(empty[tuple(at)]), 6) for at in np.argwhere(empty)} == {
        (0, 4): -10.0,
        (1, 4): 8.0,
        (1, 3): 1.5,
        (0, 3): 0.5,
    }
    assert {tuple(map(int, at)): round(float(full[tuple(at)]), 6) for at in np.argwhere(full)} == {
        (14, 4): -12.0,
        (13, 4): 10.0,
        (14, 3): 2.0,
    }


def test_late_is_zero_when_empty_and_certain_when_long() -> None:
    late = TRAP.late()
    assert late[0] == 0
    assert late[1] == pytest.approx((0.1 / 1.9) ** 2)
    assert (np.diff(late) >= 0).all()
    assert late[20:].tolist() == [1.0] * 40


def test_solvers_agree_with_dense_algebra() -> None:
    generator = SMALL.generator().toarray()
    assert generator.sum(axis=1) == pytest.approx(0, abs=1e-12)
    balance = np.vstack([generator.T[1:], np.ones(len(generator))])
    dense = np.linalg.solve(balance, np.eye(len(generator))[-1])
    assert SMALL.stationary().ravel() == pytest.approx(dense, abs=1e-12)
    eigenvalues = np.sort(np.linalg.eigvals(generator).real)
    assert SMALL.relaxation_rate() == pytest.approx(-eigenvalues[-2], rel=1e-9)
    assert SMALL.mixing_time() == pytest.approx(np.log2(100) / -eigenvalues[-2], rel=1e-9)


def test_recovery_time_agrees_with_dense_algebra() -> None:
    generator = SMALL.generator().toarray()
    inner = generator[12:, 12:]
    times = np.linalg.solve(inner, -np.ones(len(inner)))
    assert SMALL.recovery_time(queue=10, orbit=3) == pytest.approx(times[9 * 12 + 3], rel=1e-9)
    assert SMALL.recovery_time(queue=2, orbit=3, settled=2) == 0


def test_with_a_boundless_timeout_it_is_an_ordinary_queue() -> None:
    calm = replace(SMALL, timeout=1e9, threads=2, service_rate=5)
    known = queues.mmck_probabilities(arrival_rate=8, service_rate=5, servers=2, room=14)
    assert calm.stationary().sum(axis=1) == pytest.approx(known, abs=1e-9)


def test_stationary_flow_into_queue_and_orbit_balances() -> None:
    chances = TRAP.stationary()
    queue, orbit = TRAP.drift()
    assert float((chances * queue).sum()) == pytest.approx(0, abs=1e-9)
    assert float((chances * orbit).sum()) == pytest.approx(0, abs=1e-9)


def test_drift_points_home_from_a_short_queue_and_away_from_a_long_one() -> None:
    queue, _ = TRAP.drift()
    assert queue[5, 0] < 0
    assert queue[40, 15] > 0


def test_two_regions_with_little_between_them() -> None:
    by_length = TRAP.stationary().sum(axis=1)
    valley = int(np.argmin(by_length[5:45])) + 5
    assert by_length[:valley].sum() > 0.01
    assert by_length[valley:].sum() > 0.01
    assert by_length[valley] < 1e-3 * by_length.max()


def test_recovery_time_explodes_with_load_although_capacity_is_never_exceeded() -> None:
    loads = (4, 6, 8)
    times = [replace(TRAP, arrival_rate=load).recovery_time(queue=59, orbit=20) for load in loads]
    assert times[1] > 10 * times[0]
    assert times[2] > 100 * times[1]


def test_mixing_is_slowest_between_the_stable_and_the_lost_regime() -> None:
    low, middle, high = (replace(TRAP, arrival_rate=load).mixing_time() for load in (4, 7, 9.5))
    assert middle > 20 * low
    assert middle > 20 * high


def test_refusals() -> None:
    with pytest.raises(BadInput, match="at most 250000 states"):
        replace(SMALL, queue=1000, orbit=1000)
    with pytest.raises(BadInput, match="off the grid"):
        SMALL.recovery_time(queue=15, orbit=0)
    with pytest.raises(BadInput, match="timeout is 0"):
        replace(SMALL, timeout=0)
