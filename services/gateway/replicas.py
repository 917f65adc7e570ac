"""The replicas of one upstream: their load, their standing, and which one is next.

A replica that fails its health checks is left out. When all of them fail, all are used again (*fail open*): more often
than every replica, it is the checks that are broken, and a guess is better than no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, TypeAlias

Balancing: TypeAlias = Literal["round-robin", "least-loaded", "two-choices"]


class Replica:
    """One replica at ``address``; ``load`` counts the requests that are under way to it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.load = 0
        self.healthy = True


class Standing:
    """Turns the results of health checks into a verdict that does not flap."""

    def __init__(self, *, unhealthy_after: int, healthy_after: int) -> None:
        self._needed = {False: unhealthy_after, True: healthy_after}
        self._against = 0
        self.healthy = True

    def record(self, *, ok: bool) -> bool:
        """One more result; whether the verdict changed with it."""
        if ok is self.healthy:
            self._against = 0
            return False
        self._against += 1
        if self._against < self._needed[ok]:
            return False
        self.healthy, self._against = ok, 0
        return True


class Balancer:
    """Chooses among the healthy replicas, or among all when none is."""

    def __init__(self, replicas: Sequence[Replica], kind: Balancing, random: Random) -> None:
        self.replicas, self._kind, self._random = tuple(replicas), kind, random
        self._rotation = self.replicas
        self._turn = -1

    def next(self) -> Replica:
        """The replica for the next request; equally loaded ones take turns."""
        among = self._rotation
        if self._kind == "two-choices" and len(among) > 1:
            return min(self._random.sample(among, 2), key=_load)
        self._turn = (self._turn + 1) % len(among)
        if self._kind == "least-loaded":
            return min((*among[self._turn :], *among[: self._turn]), key=_load)
        return among[self._turn]

    def mark(self, replica: Replica, *, healthy: bool) -> None:
        """From now on ``replica`` is chosen, or not."""
        replica.healthy = healthy
        self._rotation = tuple(each for each in self.replicas if each.healthy) or self.replicas

    @property
    def healthy(self) -> int:
        return sum(replica.healthy for replica in self.replicas)


def _load(replica: Replica) -> int:
    return replica.load
