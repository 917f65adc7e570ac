"""The clock plays what SimPy's environment plays, in the same order."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Any

import pytest
import simpy

from stormlab.sim.clock import Clock


def played(env: simpy.Environment, seed: int) -> list[tuple[float, int]]:
    """Customers at a counter, some of whom leave, some of whom come together."""
    seen: list[tuple[float, int]] = []
    random = Random(seed)
    counter = simpy.Resource(env, 2)

    def customer(number: int) -> Generator[simpy.Event, Any, Any]:
        yield env.timeout(random.choice((0, 1, random.expovariate(0.2))))
        with counter.request() as turn:
            yield turn | env.timeout(random.choice((0.5, 2)))
            seen.append((env.now, number))
            if turn.triggered:
                yield env.timeout(random.expovariate(1))
        seen.append((env.now, number))

    for number in range(40):
        env.process(customer(number))
    for until in (1, 1.5, 7.25, 100):
        env.run(until=until)
        seen.append((env.now, -1))
    return seen


@pytest.mark.parametrize("seed", range(10))
def test_events_come_as_from_simpy(seed: int) -> None:
    assert played(Clock(), seed) == played(simpy.Environment(), seed)


def test_an_event_at_the_end_is_left_for_the_next_run() -> None:
    seen: list[simpy.Event] = []
    clock = Clock()
    clock.timeout(3).callbacks.append(seen.append)
    clock.run(until=3)
    assert (clock.now, seen) == (3, [])
    clock.run(until=4)
    assert len(seen) == 1


def test_the_past_cannot_be_played() -> None:
    clock = Clock()
    clock.run(until=3)
    with pytest.raises(ValueError, match="later than now"):
        clock.run(until=3)


def test_a_failure_that_nobody_handles_ends_the_run() -> None:
    clock = Clock()
    clock.event().fail(RuntimeError("lost"))
    with pytest.raises(RuntimeError, match="lost"):
        clock.run(until=1)


def test_waiting_for_an_event_is_left_to_simpy() -> None:
    clock = Clock()
    assert clock.run(until=clock.timeout(2, value="done")) == "done"
    clock.timeout(1)
    clock.run()
    assert clock.now == 3
