"""Simulated replicas that protect themselves: guards at the door, and a queue that knows how long it has been standing.

The guards are the policies that guard a live service, and the queue is the one of its emulated workers. A replica
with neither is the plain one, which is faster.
"""

from __future__ import annotations

from random import Random

import simpy

from stormlab.drivers.sim import Run
from stormlab.effects import Request
from stormlab.outcome import Ending, Outcome, overloaded
from stormlab.policies import Scope, compose
from stormlab.policies.queueing import Discipline, WaitingLine
from stormlab.scenario.model import Service as Description
from stormlab.sim.service import CONNECTION_REFUSED, Counts, Replica, Reply, Work

_PLAIN_QUEUES = ("fifo", "lifo")


class GuardedReplica(Replica):
    """A replica whose guards are asked first, and whose queue may turn away who has waited too long."""

    def __init__(self, env: simpy.Environment, description: Description, random: Random, counts: Counts) -> None:
        self._line = _line(description)
        super().__init__(env, description, random, counts)
        self._guards = description.guards
        self._guard_random = Random(random.random())
        self._stand_guard()

    def describe(self, description: Description) -> None:
        super().describe(description)
        self._description = description
        self._line.limit = description.queue.limit
        self._expired = overloaded("shed-delay", description.queue.retry_after or None)

    @property
    def queue(self) -> int:
        return len(self._line)

    @property
    def load(self) -> int:
        return self.busy + len(self._line)

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def begun(self) -> int:
        return self._line.begun

    @property
    def waited(self) -> float:
        return self._line.waited

    def submit(self, request: Request, reply: Reply) -> Outcome | None:
        if not self.up:
            return CONNECTION_REFUSED
        if self.unfit is not None:
            return self.unfit
        answer = _Answer(reply, self._counts)
        Run(self._env, self._strategy(self._env.now, request), self._enter, answer).start()
        return answer.at_once()

    def start(self) -> None:
        """As a new process: the guards remember nothing."""
        self._line = _line(self._description)
        self._stand_guard()
        super().start()

    def _stand_guard(self) -> None:
        self._strategy = compose(self._guards, Scope(random=self._guard_random, load=self))

    def _enter(self, request: Request, reply: Reply) -> Outcome | None:
        """Past the guards: to a worker, into the queue, or refused."""
        now, line = self._env.now, self._line
        self._turn_away(now)
        if self.busy < self.workers and not self.frozen:
            line.begun += 1
            self._begin(request, reply)
        elif not line.join(now, (request, reply)):
            return self._full
        return None

    def _begin(self, request: Request, reply: Reply) -> None:
        self.busy += 1
        seconds = self._sample() * request.effort / self.speed
        self._counts.worked += seconds
        self._counts.degraded += request.effort != 1.0
        self._working.add(Work(self._env, seconds, self._finished, request, reply))

    def _drop(self, keep: int) -> list[Reply]:
        return [reply for _, reply in self._line.drop(self._env.now, keep)]

    def _lose_waiting(self) -> list[Reply]:
        return [reply for _, reply in self._line.clear()]

    def _fill(self) -> None:
        while self.busy < self.workers and not self.frozen:
            self._turn_away(self._env.now)
            taken = self._line.take(self._env.now)
            if taken is None:
                return
            self._begin(*taken)

    def _answer(self, work: Work, outcome: Outcome) -> None:
        super()._answer(work, outcome)
        if self.up:
            self._fill()

    def _turn_away(self, now: float) -> None:
        for _, reply in self._line.expired(now):
            reply(self._expired)


class _Answer:
    """Takes the outcome of the guards to the caller: at once, or through ``reply``; a refusal is an overload to him."""

    __slots__ = ("_counts", "_outcome", "_reply", "_returned")

    def __init__(self, reply: Reply, counts: Counts) -> None:
        self._reply, self._counts = reply, counts
        self._outcome: Outcome | None = None
        self._returned = False

    def __call__(self, _now: float, outcome: Outcome) -> None:
        if outcome.ending is Ending.REFUSED:
            outcome = overloaded(outcome.reason, outcome.retry_after)
        self._counts.rejected += outcome.ending is Ending.OVERLOADED
        if self._returned:
            self._reply(outcome)
        else:
            self._outcome = outcome

    def at_once(self) -> Outcome | None:
        self._returned = True
        return self._outcome


def protects_itself(description: Description) -> bool:
    """Whether the service needs guarded replicas."""
    return bool(description.guards) or description.queue.discipline not in _PLAIN_QUEUES


def make_replica(env: simpy.Environment, description: Description, random: Random, counts: Counts) -> Replica:
    """A replica of the service, as simple as it may be."""
    kind = GuardedReplica if protects_itself(description) else Replica
    return kind(env, description, random, counts)


def _line(description: Description) -> WaitingLine[tuple[Request, Reply]]:
    queue = description.queue
    return WaitingLine(
        limit=queue.limit,
        discipline=Discipline(queue.discipline),
        target=queue.target,
        interval=queue.interval,
    )
