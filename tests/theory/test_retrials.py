"""Retrial queues against the printed values and against their truncated Markov chains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory import queues, retrials


@pytest.mark.parametrize(
    ("arrival_rate", "retry_rate", "orbiting"), [(0.5, 1, 1.0), (0.7, 0.5, 4.9), (0.7, 2, 2.45), (0.8, 5, 3.84)]
)
def test_linear_retrials(arrival_rate: float, retry_rate: float, orbiting: float) -> None:
    orbit = retrials.linear_retrials(arrival_rate=arrival_rate, service_rate=1, retry_rate=retry_rate)
    load = arrival_rate
    assert orbit.orbiting == pytest.approx(orbiting)
    assert orbit.busy == pytest.approx(load)
    assert orbit.time_in_orbit == pytest.approx(load / (1 - load) * (1 + 1 / retry_rate))
    solved = _solved(arrival_rate, lambda count: count * retry_rate)
    assert solved == pytest.approx((orbit.busy, orbit.orbiting), rel=1e-6)


@pytest.mark.parametrize(
    ("arrival_rate", "retry_rate", "orbiting"),
    [(0.3, 1, 0.339344), (0.5, 2, 1.166667), (0.5, 1.2, 1.928571), (0.6, 5, 1.448780)],
)
def test_constant_retrials(arrival_rate: float, retry_rate: float, orbiting: float) -> None:
    orbit = retrials.constant_retrials(arrival_rate=arrival_rate, service_rate=1, retry_rate=retry_rate)
    assert round(orbit.orbiting, 6) == orbiting
    solved = _solved(arrival_rate, lambda count: min(count, 1) * retry_rate)
    assert solved == pytest.approx((orbit.busy, orbit.orbiting), rel=1e-6)


def test_impatient_retries_make_the_orbit_an_ordinary_queue() -> None:
    orbit = retrials.linear_retrials(arrival_rate=0.8, service_rate=1, retry_rate=1e9, scv=4)
    assert orbit.time_in_orbit == pytest.approx(queues.mg1(arrival_rate=0.8, mean_service=1, scv=4).wait)


def test_a_constant_rate_is_stable_on_a_smaller_range() -> None:
    case = {"arrival_rate": 0.8, "service_rate": 1.0, "retry_rate": 1.0}
    assert retrials.linear_retrials(**case).orbiting > 0
    with pytest.raises(BadInput, match=r"load 1\.44 is not below 1"):
        retrials.constant_retrials(**case)


def _solved(arrival_rate: float, retry_rate: Callable[[int], float], most: int = 300) -> tuple[float, float]:
    """Busy fraction and mean orbit of the chain (busy, count), service rate 1, solved densely."""
    rates = np.zeros((2 * (most + 1), 2 * (most + 1)))
    for count in range(most + 1):
        idle, busy = 2 * count, 2 * count + 1
        rates[idle, busy] += arrival_rate
        rates[busy, idle] += 1
        if count < most:
            rates[busy, busy + 2] += arrival_rate
        if count > 0:
            rates[idle, busy - 2] += retry_rate(count)
    rates -= np.diag(rates.sum(axis=1))
    balance = np.vstack([rates.T[1:], np.ones(len(rates))])
    chances = np.linalg.solve(balance, np.eye(len(rates))[-1])
    return chances[1::2].sum(), float(np.repeat(np.arange(most + 1), 2) @ chances)
