"""A cache between a service and one of its dependencies.

It belongs to the edge, not to a replica: as with memcached, all replicas see the same entries. Misses for the same key
all go on to the dependency, which is what makes a stampede, unless the cache coalesces them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import Request, Strategy
from stormlab.outcome import SUCCESS, Outcome
from stormlab.scenario.parts import Cache as Description
from stormlab.sim.service import Endpoint, Reply


class Cache:
    """Answers what it knows at once, and asks ``strategy`` around ``endpoint`` for the rest. Counts are public."""

    def __init__(
        self,
        env: simpy.Environment,
        description: Description,
        strategy: Strategy,
        endpoint: Endpoint,
        random: Random,
    ) -> None:
        self._env = env
        self._random = random
        self._jitter = description.jitter
        self._capacity = description.capacity
        self._ttl = float("inf") if description.ttl is None else description.ttl
        self._strategy = strategy
        self._endpoint = endpoint
        self._expiry: OrderedDict[str, float] = OrderedDict()
        self._awaited: dict[str, list[Reply]] | None = {} if description.coalesce else None
        self._delete_on_error = description.on_error == "delete"
        self.invalid = False
        self.hits = 0
        self.lookups = 0

    def __len__(self) -> int:
        return len(self._expiry)

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        """Answer a hit at once; a miss when the dependency has answered."""
        self.lookups += 1
        key = request.key
        if self._env.now < self._expiry.get(key, 0.0):
            self._expiry.move_to_end(key)
            self.hits += 1
            return SUCCESS
        if self._awaited is not None:
            waiting = self._awaited.get(key)
            if waiting is not None:
                waiting.append(reply)
                return None
            self._awaited[key] = []
        self._fetch(request, reply)
        return None

    def flush(self, share: float, random: Random) -> None:
        """Forget each entry with probability ``share``."""
        kept = [(key, expiry) for key, expiry in self._expiry.items() if random.random() >= share]
        self._expiry = OrderedDict(kept)

    def lose(self, first: float, last: float) -> None:
        """Forget the entries whose place on a ring of length 1 lies between ``first`` and ``last``."""
        for key in [key for key in self._expiry if (place(key) - first) % 1.0 < last - first]:
            del self._expiry[key]

    def invalidate(self, *, invalid: bool) -> None:
        """Forget everything; keep nothing as long as it is ``invalid``."""
        self.invalid = invalid
        self._expiry.clear()

    def _fetch(self, request: Request, reply: Reply) -> None:
        def answered(_now: float, outcome: Outcome) -> None:
            if outcome.ok and not self.invalid:
                self._keep(request.key)
            elif self._delete_on_error:
                self._expiry.pop(request.key, None)
            waiting = self._awaited.pop(request.key) if self._awaited is not None else ()
            reply(outcome)
            for other in waiting:
                other(outcome)

        Run(self._env, self._strategy(self._env.now, request), self._endpoint, answered).start()

    def _keep(self, key: str) -> None:
        jitter = self._jitter * self._random.uniform(-1, 1) if self._jitter else 0.0
        self._expiry[key] = self._env.now + self._ttl * (1 + jitter)
        self._expiry.move_to_end(key)
        if len(self._expiry) > self._capacity:
            self._expiry.popitem(last=False)


class Replacement:
    """Replaces the nodes of ``caches`` by empty ones, one after the other, until a ``share`` of them is new."""

    #: A fleet of more nodes than this cannot be told from one of so many.
    STEPS = 100

    def __init__(
        self, env: simpy.Environment, caches: Sequence[Cache], share: float, seconds: float, random: Random
    ) -> None:
        self._env = env
        self._caches = caches
        self._width = share / self.STEPS
        self._pause = seconds / self.STEPS
        self._edge = random.random()
        self._left = self.STEPS
        self._next = Timer(env, self._pause, self._replace)

    def _replace(self, _event: Any) -> None:
        for cache in self._caches:
            cache.lose(self._edge, self._edge + self._width)
        self._edge += self._width
        self._left -= 1
        if self._left:
            self._next = Timer(self._env, self._pause, self._replace)


def place(key: str) -> float:
    """Where on a ring of length 1 ``key`` lies, the same in every run: which node holds it."""
    return int.from_bytes(blake2b(key.encode(), digest_size=6).digest()) / 2**48
