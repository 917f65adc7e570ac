"""The cache of a node keeps what the simulated one keeps, over the same requests in the same order."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
import simpy

from services.node.cache import Cache, replace
from stormlab.effects import Request, call_once
from stormlab.outcome import SUCCESS, Outcome, failure
from stormlab.scenario import parts
from stormlab.sim import cache as simulated


class Store:
    """Answers at once, with a failure for keys that begin with ``x``."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, request: Request) -> Outcome:
        self.asked.append(request.key)
        return failure("broken") if request.key.startswith("x") else SUCCESS


def workload(count: int = 600) -> list[tuple[float, str]]:
    """Moments 10 ms apart and the keys that are asked for then."""
    random = Random(5)
    return [(0.01 * step, f"{random.choice('abx')}{int(random.paretovariate(1))}") for step in range(count)]


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity": 5},
        {"capacity": 50, "ttl": 0.7, "jitter": 0.5},
        {"capacity": 5, "coalesce": True, "on_error": "delete"},
    ],
)
def test_hits_misses_and_evictions_are_those_of_the_simulated_cache(settings: dict[str, Any]) -> None:
    description, env = parts.Cache(**settings), simpy.Environment()
    there, here, now = Store(), Store(), 0.0
    other = simulated.Cache(env, description, call_once, lambda request, reply: there.answer(request), Random(1))

    async def ask(request: Request) -> Outcome:
        return here.answer(request)

    async def play() -> Cache:
        nonlocal now
        own = Cache(description, ask, clock=lambda: now, random=Random(1))
        for now, key in workload():
            env.run(now + 1e-6)
            other.send(Request(key=key), lambda _outcome: None)
            await own(Request(key=key))
        return own

    own = asyncio.run(play())
    assert here.asked == there.asked
    assert (own.hits, own.lookups, len(own)) == (other.hits, other.lookups, len(other))
    assert 0 < own.hits < own.lookups


def test_coalesced_misses_share_one_answer_even_when_the_first_to_ask_leaves() -> None:
    async def play() -> None:
        go, asked = asyncio.Event(), 0

        async def ask(request: Request) -> Outcome:
            nonlocal asked
            asked += 1
            await go.wait()
            return SUCCESS

        cache = Cache(parts.Cache(capacity=5, coalesce=True), ask, clock=lambda: 0.0, random=Random(1))
        first, *others = (asyncio.create_task(cache(Request(key="a"))) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        assert [await other for other in others] == [SUCCESS, SUCCESS]
        assert asked == 1

    asyncio.run(play())


def test_what_is_judged_invalid_is_not_kept() -> None:
    async def play() -> None:
        store = Store()

        async def ask(request: Request) -> Outcome:
            return store.answer(request)

        cache = Cache(parts.Cache(capacity=5), ask, clock=lambda: 0.0, random=Random(1))
        cache.invalidate(invalid=True)
        await cache(Request(key="a"))
        await cache(Request(key="a"))
        cache.invalidate(invalid=False)
        await cache(Request(key="a"))
        await cache(Request(key="a"))
        assert (len(store.asked), cache.hits) == (3, 1)
        cache.flush(1.0, Random(1))
        assert len(cache) == 0

    asyncio.run(play())


def test_nodes_that_are_replaced_in_the_course_of_time_take_their_share_of_the_entries_with_them() -> None:
    async def play() -> None:
        async def ask(request: Request) -> Outcome:
            return SUCCESS

        cache = Cache(parts.Cache(capacity=2000), ask, clock=lambda: 0.0, random=Random(1))
        for key in range(1000):
            await cache(Request(key=str(key)))
        await replace([cache], 0.25, 1e-3, Random(1))
        assert len(cache) == pytest.approx(750, abs=40)

    asyncio.run(play())
