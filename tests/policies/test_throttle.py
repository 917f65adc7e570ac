"""The client-side throttle of the SRE book: its formula, its steady state, and what it counts."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.outcome import Ending, overloaded
from stormlab.policies import AdaptiveThrottle
from stormlab.policies.throttle import Throttle
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

FULL = overloaded("queue-full")


class Never:
    """Draws that never refuse."""

    def random(self) -> float:
        return 1.0

    def uniform(self, a: float, b: float) -> float:
        return b


def after(accepts: int, rejects: int, factor: float = 2.0) -> float:
    throttle = Throttle(factor, 120, Never())
    for outcome in [OK] * accepts + [FULL] * rejects:
        permit = throttle.admit(0.0, PLAIN)
        assert permit is not None
        throttle.settle(0.0, permit, outcome)
    return throttle.probability(0.0)


def test_the_defaults_are_those_of_the_book() -> None:
    """sre.google/sre-book/handling-overload: K = 2, two minutes."""
    assert AdaptiveThrottle() == AdaptiveThrottle(factor=2.0, window=120.0)


@pytest.mark.parametrize(
    ("accepts", "rejects", "factor", "probability"),
    [
        (0, 0, 2, 0),
        (100, 0, 2, 0),
        (50, 50, 2, 0),
        (40, 60, 2, (100 - 80) / 101),
        (0, 100, 2, 100 / 101),
        (90, 10, 1.1, (100 - 99) / 101),
    ],
)
def test_the_formula(accepts: int, rejects: int, factor: float, probability: float) -> None:
    """p = max(0, (requests - K·accepts)/(requests + 1)), sre.google/sre-book/handling-overload."""
    assert after(accepts, rejects, factor) == pytest.approx(probability)


@pytest.mark.parametrize(("demand", "factor"), [(300, 2.0), (1000, 2.0), (300, 1.1)])
def test_the_steady_state(demand: int, factor: float) -> None:
    """A callee of capacity C = 100 per s receives K·C of a demand D above that, and p = 1 - K·C/D."""
    throttle, capacity, received = Throttle(factor, 10, Random(3)), 100, [0, 0]
    for number in range(60 * demand):
        now = number / demand
        permit = throttle.admit(now, PLAIN)
        if permit is not None:
            fits = received[1] <= capacity * now
            received[0] += now >= 20
            received[1] += fits
            throttle.settle(now, permit, OK if fits else FULL)
    assert throttle.probability(60) == pytest.approx(1 - factor * capacity / demand, abs=0.05)
    assert received[0] / 40 == pytest.approx(factor * capacity, rel=0.05)


def test_what_was_refused_here_counts_as_a_request() -> None:
    throttle = Throttle(2, 120, Random(1))
    admitted = 0
    for _ in range(1000):
        permit = throttle.admit(0.0, PLAIN)
        if permit is not None:
            admitted += 1
            throttle.settle(0.0, permit, FULL)
    assert throttle.probability(0.0) == 1000 / 1001
    assert admitted < 30


@pytest.mark.parametrize(
    ("outcome", "accepted"), [(OK, True), (INVALID, True), (FULL, False), (TIMED_OUT, False), (FAILED, False)]
)
def test_what_counts_as_accepted(outcome: object, accepted: object) -> None:
    throttle = Throttle(1, 120, Never())
    permit = throttle.admit(0.0, PLAIN)
    assert permit is not None
    throttle.settle(0.0, permit, outcome)  # type: ignore[arg-type]
    assert (throttle.probability(0.0) == 0) is accepted


def test_a_call_that_was_cut_off_was_no_request() -> None:
    throttle = Throttle(2, 120, Never())
    permit = throttle.admit(0.0, PLAIN)
    assert permit is not None
    throttle.ignore(permit)
    assert throttle.probability(0.0) == 0


def test_it_forgets() -> None:
    bench = Bench(AdaptiveThrottle(window=10))
    outcomes = [bench.call(FULL).ending for _ in range(200)]
    assert outcomes.count(Ending.REFUSED) > 150
    bench.wait(11)
    assert bench.call(OK) == OK


@given(accepts=st.integers(0, 300), rejects=st.integers(0, 300), factor=st.floats(1, 5))
def test_the_probability_is_one(accepts: int, rejects: int, factor: float) -> None:
    assert 0 <= after(accepts, rejects, factor) < 1


def test_a_callee_in_good_health_costs_no_draw() -> None:
    class Counting(Never):
        draws = 0

        def random(self) -> float:
            Counting.draws += 1
            return 1.0

    throttle = Throttle(2, 120, Counting())
    for _ in range(10):
        permit = throttle.admit(0.0, PLAIN)
        assert permit is not None
        throttle.settle(0.0, permit, OK)
    assert Counting.draws == 0


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: AdaptiveThrottle(factor=0.5), "factor: must be 1 or more"),
        (lambda: AdaptiveThrottle(window=0), "window: must be a finite number greater than 0"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
