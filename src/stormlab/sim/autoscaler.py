"""Changes the number of replicas of a service by what it sees of them, late by as long as a replica takes to start."""

from __future__ import annotations

import math
from typing import Any

import simpy

from stormlab.drivers.sim import Timer
from stormlab.policies import Pool
from stormlab.scenario.model import Service as Description
from stormlab.sim.processes import Processes
from stormlab.sim.service import Replica, Service

#: Busy workers are counted this often, in s.
LOOK = 1.0
#: A signal this close above the target calls for no further replica.
_ROUNDING = 1e-9


class Autoscaler:
    """Starts replicas of ``service`` and takes others out of ``pool``; who is ``service.members`` counts."""

    def __init__(
        self,
        env: simpy.Environment,
        description: Description,
        service: Service,
        processes: Processes,
        pool: Pool | None,
    ) -> None:
        assert description.autoscale is not None
        self._env = env
        self._rules = description.autoscale
        self._workers = description.workers
        self._service = service
        self._processes = processes
        self._pool = pool
        self._asked = set(range(description.replicas))
        self._busy: list[float] = []
        self._worked = 0.0
        processes.started.append(self._arrived)
        self._tell_pool()
        Timer(env, LOOK, self._look)
        Timer(env, self._rules.every, self._decide)

    def _look(self, _event: Any) -> None:
        members = self._service.members
        self._busy.append(sum([one.busy for one in members]) / (self._workers * len(members)))
        Timer(self._env, LOOK, self._look)

    def _decide(self, _event: Any) -> None:
        here, rules = len(self._service.members), self._rules
        wanted = math.ceil(here * self._signal() / rules.target - _ROUNDING)
        self._resize(min(max(wanted, rules.least), rules.most))
        Timer(self._env, rules.every, self._decide)

    def _signal(self) -> float:
        busy, self._busy = self._busy, []
        worked, self._worked = self._service.counts.worked - self._worked, self._service.counts.worked
        if self._rules.signal == "workers":
            return sum(busy) / len(busy) if busy else 0.0
        return worked / (self._rules.every * self._workers * len(self._service.members))

    def _resize(self, wanted: int) -> None:
        service, here = self._service, self._service.present
        service.present = wanted
        for replica in service.replicas[here:wanted]:
            self._processes.restart(replica)
        if wanted < here:
            self._dismiss(wanted, here)

    def _dismiss(self, first: int, last: int) -> None:
        """What they work on they finish; those that are starting stop."""
        self._asked.difference_update(range(first, last))
        for replica in self._service.replicas[first:last]:
            if not replica.up:
                self._processes.stop(replica)
        self._tell_pool()

    def _arrived(self, replica: Replica) -> None:
        index = self._service.replicas.index(replica)
        if index < self._service.present:
            self._asked.add(index)
            self._tell_pool()

    def _tell_pool(self) -> None:
        if self._pool is not None:
            self._pool.limit_to(self._env.now, sorted(self._asked))
