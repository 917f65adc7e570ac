"""Bulkhead: never more inside than its limit, and every place is given back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab import Pipeline, errors
from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.outcome import Ending
from stormlab.policies import Bulkhead, EnvoyThresholds, NoBackoff, Retry, Timeout
from stormlab.policies.bulkhead import Compartment, Thresholds
from stormlab.testing import run_in_virtual_time
from tests.policies.bench import FAILED, OK, Bench


def test_the_default_is_that_of_resilience4j() -> None:
    """resilience4j.readme.io/docs/bulkhead: maxConcurrentCalls 25, no waiting."""
    assert Bulkhead().limit == 25


def test_a_full_bulkhead_refuses_at_once() -> None:
    compartment = Compartment(2)
    assert [compartment.admit(0, PLAIN) for _ in range(3)] == [True, True, None]
    assert compartment.refusal(0).reason == "bulkhead-full"


def test_refused_calls_are_not_sent_and_not_tried_again() -> None:
    inside = most = sent = 0

    async def slow() -> None:
        nonlocal inside, most, sent
        sent += 1
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(1)
        inside -= 1

    async def main() -> list[object]:
        pipeline = Pipeline([Retry(backoff=NoBackoff()), Bulkhead(limit=3)])
        return await asyncio.gather(*(pipeline.call(slow) for _ in range(10)), return_exceptions=True)

    answers = run_in_virtual_time(main())
    assert sum(isinstance(answer, errors.Refused) for answer in answers) == 7
    assert (sent, most) == (3, 3)


@pytest.mark.parametrize("script", [(1.0, OK), (1.0, FAILED), (9.0, OK)])
def test_every_ending_gives_the_place_back(script: tuple[float, object]) -> None:
    bench = Bench(Timeout(seconds=5), Bulkhead(limit=1))
    endings = [bench.call(script).ending for _ in range(5)]  # type: ignore[arg-type]
    assert Ending.REFUSED not in endings


@given(moves=st.lists(st.sampled_from(["admit", "settle", "ignore"]), max_size=200), limit=st.integers(1, 10))
def test_inside_is_what_was_admitted_and_has_not_left(moves: list[str], limit: int) -> None:
    compartment, inside = Compartment(limit), 0
    for move in moves:
        if move == "admit":
            inside += compartment.admit(0, PLAIN) is not None
        elif inside:
            compartment.settle(0, True, OK) if move == "settle" else compartment.ignore(True)
            inside -= 1
        assert 0 <= compartment.inside == inside <= limit


def test_bad_numbers_are_refused_by_name() -> None:
    with pytest.raises(InvalidValue, match="limit: must be a whole number, 1 or more"):
        Bulkhead(limit=0)


def test_the_thresholds_of_envoy() -> None:
    """envoyproxy.io, config.cluster.v3.CircuitBreakers.Thresholds: max_requests 1024, max_retries 3."""
    assert EnvoyThresholds() == EnvoyThresholds(max_requests=1024, max_retries=3)
    thresholds, again = Thresholds(1024, 3), PLAIN.again(2)
    assert [thresholds.admit(0, again) is not None for _ in range(4)] == [True, True, True, False]
    assert thresholds.refusal(0).reason == "retry-budget"
    assert [thresholds.admit(0, PLAIN) is not None for _ in range(1022)] == [True] * 1021 + [False]
    assert thresholds.refusal(0).reason == "bulkhead-full"
    thresholds.settle(0, again, OK)
    assert thresholds.admit(0, again) is not None
    assert thresholds.admit(0, again) is None


@given(moves=st.lists(st.sampled_from(["first", "again", "settle", "ignore"]), max_size=60))
def test_thresholds_count_what_is_held(moves: list[str]) -> None:
    thresholds, held = Thresholds(5, 2), [PLAIN][:0]
    for move in moves:
        if move in ("first", "again"):
            permit = thresholds.admit(0, PLAIN if move == "first" else PLAIN.again(2))
            held += [permit] if permit is not None else []
        elif held:
            permit = held.pop()
            thresholds.settle(0, permit, OK) if move == "settle" else thresholds.ignore(permit)
        assert thresholds.inside == len(held) <= 5
        assert thresholds.retrying == sum(permit.attempt > 1 for permit in held) <= 2
