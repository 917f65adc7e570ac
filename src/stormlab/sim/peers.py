"""Replicas that keep threads for each other: what every one of them needs grows with the size of the fleet.

A limit per replica is then a limit on the fleet, and it is crossed by all replicas together, when capacity is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

import simpy

from stormlab.drivers.sim import Timer
from stormlab.effects import PLAIN
from stormlab.outcome import Outcome, failure
from stormlab.scenario.processes import Peers as Description
from stormlab.sim.service import Replica

THREAD_LIMIT = failure("thread-limit")


class Peers:
    """Who of the ``replicas`` of one service knows whom; all know each other in the beginning."""

    def __init__(
        self, env: simpy.Environment, description: Description, replicas: Sequence[Replica], random: Random
    ) -> None:
        self._env = env
        self._description = description
        self._random = random
        self._replicas = replicas
        self._known = {id(one): {id(other) for other in replicas if other.up and other is not one} for one in replicas}

    def threads(self, replica: Replica) -> int:
        """How many threads it has now, or would need if it could have them."""
        return self._description.base + self._description.threads * len(self._known[id(replica)])

    def started(self, replica: Replica) -> None:
        """It serves from now on, with threads for those that are up; they hear of it, each in its own time."""
        others = [one for one in self._replicas if one.up and one is not replica]
        self._known[id(replica)] = {id(one) for one in others}
        replica.unfit = None
        self._count(replica)
        for other in others:
            learn = self._description.learn * self._random.random()
            Timer(self._env, learn, partial(self._learn, other, replica))

    def left(self, replica: Replica) -> None:
        """It is gone for good; threads for it end."""
        for known in self._known.values():
            known.discard(id(replica))

    def _learn(self, replica: Replica, other: Replica, _event: object) -> None:
        """``replica`` gets to know ``other``, which costs it some work as well."""
        if not (replica.up and other.up):
            return
        self._known[id(replica)].add(id(other))
        self._count(replica)
        if self._description.greeting and replica.unfit is None:
            replica.submit(PLAIN._replace(effort=self._description.greeting), _unheard)

    def _count(self, replica: Replica) -> None:
        """A replica above the limit stays unfit, also when it needs fewer threads later."""
        if self.threads(replica) > self._description.limit:
            replica.unfit = THREAD_LIMIT


def _unheard(_outcome: Outcome) -> None:
    """Nobody waits for the end of a greeting."""
