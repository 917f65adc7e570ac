"""A cache between a service and one of its dependencies.

It belongs to the edge, not to a replica: as with memcached, all replicas see the same entries. Misses for the same key
all go on to the dependency, which is what makes a stampede, unless the cache coalesces them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import Request, Strategy
from stormlab.outcome import SUCCESS, Outcome
from stormlab.scenario.look_aside import NODES, LookAside, replaced
from stormlab.scenario.parts import Cache as Description
from stormlab.sim.service import Endpoint, Reply


class Cache(LookAside):
    """Answers what it knows at once, and asks ``strategy`` around ``endpoint`` for the rest."""

    def __init__(
        self,
        env: simpy.Environment,
        description: Description,
        strategy: Strategy,
        endpoint: Endpoint,
        random: Random,
    ) -> None:
        super().__init__(description, random)
        self._env = env
        self._strategy = strategy
        self._endpoint = endpoint
        self._awaited: dict[str, list[Reply]] | None = {} if description.coalesce else None

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        """Answer a hit at once; a miss when the dependency has answered."""
        key = request.key
        if self.find(self._env.now, key):
            return SUCCESS
        if self._awaited is not None:
            waiting = self._awaited.get(key)
            if waiting is not None:
                waiting.append(reply)
                return None
            self._awaited[key] = []
        self._fetch(request, reply)
        return None

    def _fetch(self, request: Request, reply: Reply) -> None:
        def answered(now: float, outcome: Outcome) -> None:
            self.fetched(now, request.key, outcome)
            waiting = self._awaited.pop(request.key) if self._awaited is not None else ()
            reply(outcome)
            for other in waiting:
                other(outcome)

        Run(self._env, self._strategy(self._env.now, request), self._endpoint, answered).start()


class Replacement:
    """Replaces the nodes of ``caches`` by empty ones within ``seconds``, until a ``share`` of them is new."""

    def __init__(
        self, env: simpy.Environment, caches: Sequence[Cache], share: float, seconds: float, random: Random
    ) -> None:
        self._env = env
        self._caches = caches
        self._pause = seconds / NODES
        self._nodes = deque(replaced(share, random))
        self._next = Timer(env, self._pause, self._replace)

    def _replace(self, _event: Any) -> None:
        first, last = self._nodes.popleft()
        for cache in self._caches:
            cache.lose(first, last)
        if self._nodes:
            self._next = Timer(self._env, self._pause, self._replace)
