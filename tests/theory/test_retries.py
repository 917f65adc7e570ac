"""The algebra of retries against printed values."""

from __future__ import annotations

import random

import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory import retries
from stormlab.sim.theory.retries import Region


def test_three_retries_at_half_failures() -> None:
    assert retries.success_probability(failure=0.5, retries=3) == 0.9375
    assert retries.attempts_per_call(failure=0.5, retries=3) == 1.875


@pytest.mark.parametrize(("failure", "success", "load"), [(0.01, 1.0, 1.010), (0.05, 1.0, 1.053), (0.1, 1.0, 1.111)])
def test_three_retries_at_few_failures(failure: float, success: float, load: float) -> None:
    assert round(retries.success_probability(failure=failure, retries=3), 3) == success
    assert round(retries.attempts_per_call(failure=failure, retries=3), 3) == load


def test_certain_failure_uses_every_try() -> None:
    assert retries.attempts_per_call(failure=1, retries=4) == 5
    assert retries.success_probability(failure=1, retries=4) == 0


def test_attempts_agree_with_a_simulation() -> None:
    draw = random.Random(7)
    calls, tries = 40_000, 0
    for _ in range(calls):
        tries += next((attempt for attempt in (1, 2, 3) if draw.random() >= 0.3), 4)
    assert tries / calls == pytest.approx(retries.attempts_per_call(failure=0.3, retries=3), abs=4 * 0.75 / calls**0.5)


def test_layers_multiply() -> None:
    assert retries.layered_attempts(tries=4, layers=3) == 64
    assert retries.layered_attempts(tries=3, layers=5) == 243


def test_budget_ceiling() -> None:
    assert retries.budget_ceiling(ratio=0.1) == pytest.approx(1.1)
    assert round(retries.budget_ceiling(ratio=0.1, bucket=5, clients=100, calls=60_000), 3) == 1.107


def test_vulnerable_to_retries() -> None:
    bronson = retries.vulnerable_to_retries(capacity=300, retries=1)
    assert (bronson.low, bronson.high) == (150, 300)
    assert [bronson.region(load) for load in (140, 280, 320)] == [
        Region.STABLE,
        Region.VULNERABLE,
        Region.OVERLOADED,
    ]
    assert retries.affordable_retry_ratio(capacity=300, load=280) * 280 == pytest.approx(20)


def test_no_retries_leave_nothing_vulnerable() -> None:
    without = retries.vulnerable_to_retries(capacity=300, retries=0)
    assert without.region(299.9) is Region.STABLE
    assert without.region(300.1) is Region.OVERLOADED


def test_vulnerable_to_cache_loss() -> None:
    bronson = retries.vulnerable_to_cache_loss(database_capacity=300, hit_ratio=0.9)
    assert bronson.low == 300
    assert bronson.high == pytest.approx(3_000)
    assert retries.vulnerable_to_cache_loss(database_capacity=300, hit_ratio=1).region(1e9) is Region.VULNERABLE


@pytest.mark.parametrize(("demand", "rejected"), [(150, 0.0), (300, 0.333), (1000, 0.8)])
def test_adaptive_throttling(demand: float, rejected: float) -> None:
    assert round(retries.throttled_fraction(demand=demand, accepted=100), 3) == rejected


def test_contended_calls() -> None:
    assert retries.contended_calls(1) == (1, 1)
    assert retries.contended_calls(2) == (2, 3)
    assert retries.contended_calls(100) == (100, 5050)


def test_refusals() -> None:
    with pytest.raises(BadInput, match=r"failure is 1\.2"):
        retries.attempts_per_call(failure=1.2, retries=1)
    with pytest.raises(BadInput, match="retries is -1"):
        retries.vulnerable_to_retries(capacity=1, retries=-1)
