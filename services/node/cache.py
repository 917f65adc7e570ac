"""A cache between a node and one of its dependencies, shared by all replicas of the process.

Misses for the same key all go on, unless they are coalesced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TypeAlias

from stormlab.effects import Request
from stormlab.outcome import SUCCESS, Outcome
from stormlab.scenario.look_aside import NODES, LookAside, replaced
from stormlab.scenario.parts import Cache as Description

Ask: TypeAlias = Callable[[Request], Awaitable[Outcome]]


class Cache(LookAside):
    """Answers what it knows and asks ``ask`` for the rest. ``clock`` gives s."""

    def __init__(self, description: Description, ask: Ask, *, clock: Callable[[], float], random: Random) -> None:
        super().__init__(description, random)
        self._ask = ask
        self._clock = clock
        self._awaited: dict[str, asyncio.Future[Outcome]] | None = {} if description.coalesce else None

    async def __call__(self, request: Request) -> Outcome:
        if self.find(self._clock(), request.key):
            return SUCCESS
        return await (self._fetch(request) if self._awaited is None else self._share(request, self._awaited))

    async def _share(self, request: Request, awaited: dict[str, asyncio.Future[Outcome]]) -> Outcome:
        """The answer that somebody waits for already, or one that others may wait for."""
        key = request.key
        if key not in awaited:
            awaited[key] = asyncio.ensure_future(self._fetch(request))
            awaited[key].add_done_callback(lambda _task: awaited.pop(key))
        return await asyncio.shield(awaited[key])

    async def _fetch(self, request: Request) -> Outcome:
        outcome = await self._ask(request)
        self.fetched(self._clock(), request.key, outcome)
        return outcome


async def replace(caches: Sequence[Cache], share: float, seconds: float, random: Random) -> None:
    """Replaces the nodes of ``caches`` by empty ones within ``seconds``, until a ``share`` of them is new."""
    for first, last in replaced(share, random):
        await asyncio.sleep(seconds / NODES)
        for cache in caches:
            cache.lose(first, last)
