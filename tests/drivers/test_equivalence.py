"""The same seeds give the same outcomes, at the same times, on SimPy, asyncio and gevent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from stormlab.policies import Deadline, FullJitter, Policy, Retry, RetryBudget, RetryRatio, Timeout
from tests.drivers.worlds import MakePolicies, Play, SecondCopy, Trace, on_asyncio, on_gevent, on_simpy, random_play

World = Callable[[Play], Trace]


def patient() -> Sequence[Policy]:
    return [Retry(max_retries=3, backoff=FullJitter(base=0.05, cap=0.4)), RetryBudget(capacity=3), Timeout(seconds=0.5)]


def racing() -> Sequence[Policy]:
    return [
        Retry(max_retries=2, backoff=FullJitter(base=0.05)),
        Timeout(seconds=0.6),
        SecondCopy(),
        Timeout(seconds=0.45),
    ]


def nested() -> Sequence[Policy]:
    return [
        Deadline(seconds=1.3),
        Retry(max_retries=5),
        RetryRatio(ratio=0.3, min_per_second=0.5),
        Timeout(seconds=0.4),
    ]


@pytest.mark.parametrize("world", [on_asyncio, on_gevent])
def test_200_of_200_seeds_are_identical(world: World) -> None:
    plays = [random_play(patient, seed) for seed in range(200)]
    different = [play.seed for play in plays if world(play) != on_simpy(play)]
    assert different == []


@pytest.mark.parametrize("world", [on_asyncio, on_gevent])
@pytest.mark.parametrize("policies", [racing, nested])
@pytest.mark.parametrize("seed", range(30))
def test_races_and_nested_limits_are_identical(world: World, policies: MakePolicies, seed: int) -> None:
    play = random_play(policies, seed)
    assert world(play) == on_simpy(play)


@pytest.mark.parametrize("world", [on_asyncio, on_gevent])
@pytest.mark.parametrize("seed", range(30))
def test_clients_that_leave_change_nothing_else(world: World, seed: int) -> None:
    play = random_play(patient, seed, cut=0.5)
    assert world(play) == on_simpy(play)


def test_the_plays_exercise_what_they_compare() -> None:
    traces = [on_simpy(random_play(patient, seed)) for seed in range(20)]
    endings = {ending for trace in traces for _, _, ending, _ in trace.ends}
    kinds = {type(event).__name__ for trace in traces for event in trace.events}
    assert endings == {"ok", "error", "overloaded", "timeout"}
    assert kinds == {"RetryScheduled", "RetrySuppressed"}
    assert any(attempt == 4 for trace in traces for attempt, _ in trace.seen)
    cut = [on_simpy(random_play(patient, seed, cut=0.5)) for seed in range(20)]
    assert sum(len(trace.ends) for trace in cut) < 0.9 * sum(len(trace.ends) for trace in traces)
