"""Outlier ejection: the defaults and rules of Envoy, and that it moves along its table."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.errors import InvalidValue
from stormlab.outcome import Outcome, failure, overloaded
from stormlab.policies import OutlierEjection
from stormlab.policies.outlier import TRANSITIONS, Ejector, Place, Signal
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT


def ejector(size: int = 10, **config: float) -> Ejector:
    return Ejector(OutlierEjection(**config), size, Random(1))  # type: ignore[arg-type]


def fail(one: Ejector, replica: int, times: int = 5, now: float = 0.0) -> None:
    for _ in range(times):
        one.record(now, replica, FAILED)


def out_at(one: Ejector, now: float) -> set[int]:
    one.advance(now)
    return set(one.ejected)


def traffic(one: Ejector, shares: list[float], requests: int, now: float = 1.0) -> None:
    """``requests`` to every replica, of which it fails its share, never five in a row."""
    for replica, share in enumerate(shares):
        for number in range(requests):
            failed = int((number + 1) * share) > int(number * share)
            one.record(now, replica, FAILED if failed else OK)


def test_the_defaults_are_those_of_envoy() -> None:
    """envoyproxy.io, config.cluster.v3.OutlierDetection."""
    assert OutlierEjection() == OutlierEjection(
        consecutive=5,
        interval=10,
        base_ejection=30,
        max_ejection=300,
        max_ejected=0.1,
        enforcing_consecutive=1,
        gateway_failures=5,
        enforcing_gateway=0,
        success_rate_hosts=5,
        success_rate_requests=100,
        stdevs=1.9,
        enforcing_success_rate=1,
        failure_share=0.85,
        failure_share_hosts=5,
        failure_share_requests=50,
        enforcing_failure_share=0,
    )


def test_the_table_leads_everywhere() -> None:
    assert {state for state, _ in TRANSITIONS} == set(Place) == set(TRANSITIONS.values())
    assert {signal for _, signal in TRANSITIONS} == set(Signal)


def test_five_failures_in_a_row_eject() -> None:
    one = ejector()
    fail(one, 3, 4)
    one.record(0, 3, OK)
    fail(one, 3, 4)
    assert out_at(one, 0) == set()
    fail(one, 3, 1)
    assert out_at(one, 0) == {3}


@pytest.mark.parametrize(("outcome", "counts"), [(FAILED, 1), (TIMED_OUT, 1), (overloaded("full"), 1), (INVALID, 0)])
def test_only_passing_failures_count(outcome: Outcome, counts: int) -> None:
    one = ejector()
    for _ in range(5):
        one.record(0, 0, outcome)
    assert len(one.ejected) == counts


def test_it_comes_back_at_the_end_of_an_interval() -> None:
    one = ejector()
    fail(one, 0, now=1.0)
    assert out_at(one, 39.9) == {0}  # 31 s is over, the interval ends at 40 s
    assert out_at(one, 40.0) == set()


def test_the_next_ejection_in_a_row_is_longer_up_to_the_most() -> None:
    """Base 30 s times the number of ejections in a row, at most 300 s."""
    one, now, lengths = ejector(), 0.0, []
    for _ in range(12):
        fail(one, 0, now=now)
        began = now
        while one.ejected:
            now += 10
            one.advance(now)
        lengths.append(now - began)
    assert lengths == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_good_intervals_make_up_for_ejections() -> None:
    one = ejector()
    fail(one, 0, now=0.0)
    one.advance(30)
    one.advance(40)
    fail(one, 0, now=41.0)
    assert out_at(one, 79.9) == {0}
    assert out_at(one, 80.0) == set()


@pytest.mark.parametrize(("size", "share", "most"), [(3, 0.1, 1), (10, 0.1, 1), (25, 0.1, 2), (10, 0.5, 5), (4, 0, 1)])
def test_at_most_ten_percent_are_out_but_one_may_be(size: int, share: float, most: int) -> None:
    one = ejector(size, max_ejected=share)
    for replica in range(size):
        fail(one, replica)
    assert len(one.ejected) == most


def test_a_success_rate_below_mean_minus_1_9_sigma_ejects() -> None:
    """Nine at 100 %, one at 60 %: mean 96 %, sigma 12 %, threshold 73.2 %."""
    one = ejector()
    traffic(one, [0.4, *[0.0] * 9], 100)
    assert out_at(one, 9.9) == set()
    assert out_at(one, 10) == {0}


@pytest.mark.parametrize(
    ("shares", "requests"),
    [([0.4, *[0.0] * 9], 99), ([0.4, 0.0, 0.0, 0.0], 100), ([0.4] * 10, 100)],
    ids=["too few requests", "too few hosts", "all alike"],
)
def test_a_success_rate_says_nothing(shares: list[float], requests: int) -> None:
    one = ejector(len(shares))
    traffic(one, shares, requests)
    assert out_at(one, 10) == set()


def test_a_share_of_failures_ejects_when_it_is_enforced() -> None:
    """85 % of 50 requests, over five hosts."""
    for enforcing, out in [(0.0, set()), (1.0, {0})]:
        one = ejector(5, enforcing_failure_share=enforcing, enforcing_success_rate=0, consecutive=1000)
        traffic(one, [0.86, 0.84, 0, 0, 0], 50)
        assert out_at(one, 10) == out


def test_failures_of_the_gateway_are_a_rule_of_their_own() -> None:
    for outcome, ejected in [(TIMED_OUT, 1), (failure("connection-refused"), 1), (FAILED, 0)]:
        one = ejector(enforcing_consecutive=0, enforcing_gateway=1)
        for _ in range(5):
            one.record(0, 0, outcome)
        assert len(one.ejected) == ejected


def test_a_rule_may_be_enforced_now_and_then() -> None:
    one = ejector(1000, enforcing_consecutive=0.3, max_ejected=1)
    for replica in range(1000):
        fail(one, replica)
    assert len(one.ejected) == pytest.approx(300, abs=60)


@given(
    calls=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 5), st.sampled_from([OK, FAILED])), max_size=200),
    share=st.floats(0, 1),
)
def test_it_moves_along_its_table_and_never_ejects_too_many(
    calls: list[tuple[float, int, Outcome]], share: float
) -> None:
    moves: list[tuple[float, int, Place, Place]] = []
    config = OutlierEjection(consecutive=2, max_ejected=share)
    one, now = Ejector(config, 6, Random(1), lambda *move: moves.append(move)), 0.0
    for pause, replica, outcome in calls:
        now += pause
        one.record(now, replica, outcome)
        assert len(one.ejected) <= max(1, int(share * 6))
    assert {(before, after) for *_, before, after in moves} <= {(s, after) for (s, _), after in TRANSITIONS.items()}
    assert out_at(one, now + 310) == set()


def test_a_long_silence_costs_nothing() -> None:
    one = ejector()
    one.advance(1e12)
    fail(one, 0, now=1e12)
    assert one.ejected == {0}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"consecutive": 0}, "consecutive: must be a whole number, 1 or more"),
        ({"interval": 0}, "interval: must be a finite number greater than 0"),
        ({"max_ejection": 1}, "max_ejection: must be 30 or more"),
        ({"max_ejected": 2}, "max_ejected: must lie between 0 and 1"),
        ({"enforcing_failure_share": -1}, "enforcing_failure_share: must lie between 0 and 1"),
    ],
)
def test_bad_numbers_are_refused_by_name(config: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        OutlierEjection(**config)  # type: ignore[arg-type]
