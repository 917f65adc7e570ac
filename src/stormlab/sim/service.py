"""Simulated services: replicas with workers and a bounded queue, where work whose caller has left still costs.

A request waits in the queue of its replica for one of ``c`` workers and holds it for a drawn service time, and for the
answers of the services that are called on its behalf. Nothing tells a replica that a caller has given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import Request, Strategy
from stormlab.outcome import OVERLOAD_STATUSES, SUCCESS, Outcome, failure, overloaded
from stormlab.scenario.distributions import Sampler
from stormlab.scenario.disturbances import Poison, RequestDelay, RequestErrors
from stormlab.scenario.model import Service as Description
from stormlab.scenario.parts import best_concurrency

Reply: TypeAlias = Callable[[Outcome], None]
#: Starts one attempt; see :data:`stormlab.drivers.sim.Operation`.
Endpoint: TypeAlias = Callable[[Request, Reply], "Outcome | None"]

CONNECTION_REFUSED = failure("connection-refused")
CONNECTION_LOST = failure("connection-lost")
CONFLICT = failure("conflict")
PURGED = failure("purged")
BROKEN = failure("broken")
INJECTED = failure("injected")
INJECTED_OVERLOAD = overloaded("injected")


class Work(Timer):
    """One request at one worker; fires when its service time is over."""

    __slots__ = ("left", "reply", "request")

    def __init__(
        self, env: simpy.Environment, seconds: float, finish: Callable[[Any], None], request: Request, reply: Reply
    ) -> None:
        Timer.__init__(self, env, seconds, finish)
        self.request = request
        self.reply = reply
        self.left = env.now + seconds


class Replica:
    """One process of a service. Gauges and counts are public: the recorder samples them once a second."""

    def __init__(self, env: simpy.Environment, description: Description, random: Random, counts: Counts) -> None:
        self._env = env
        self._counts = counts
        self._waiting: deque[tuple[Request, Reply]] = deque()
        self._working: set[Work] = set()
        self._downstream: Sequence[tuple[Strategy, Endpoint]] = ()
        self._random = random
        self.workers = description.workers
        self.speed = 1.0
        self.busy = 0
        self.describe(description)
        self.up = True
        self.frozen = False
        self.isolated = False
        self.unfit: Outcome | None = None

    def describe(self, description: Description) -> None:
        """Take on other numbers; work under way is not affected."""
        self._sample = self._sampler(description)
        self._lifo = description.queue.discipline == "lifo"
        self.queue_limit = description.queue.limit
        self._full = overloaded("queue-full", description.queue.retry_after or None)

    def connect(self, downstream: Sequence[tuple[Strategy, Endpoint]]) -> None:
        self._downstream = downstream

    def check(self, request: Request, reply: Reply) -> Outcome | None:
        """Answer a shallow health check, past the queue."""
        if not self.up:
            return CONNECTION_REFUSED
        if self.unfit is BROKEN:
            return BROKEN
        return None if self.frozen else SUCCESS

    @property
    def queue(self) -> int:
        return len(self._waiting)

    @property
    def load(self) -> int:
        """Requests inside, waiting or being worked on."""
        return self.busy + len(self._waiting)

    def submit(self, request: Request, reply: Reply) -> Outcome | None:
        """Accept a request, or refuse it at once."""
        if not self.up:
            return CONNECTION_REFUSED
        if self.unfit is not None:
            return self.unfit
        if self.busy < self.workers and not self.frozen:
            self._begin(request, reply)
            return None
        if len(self._waiting) >= self.queue_limit:
            self._counts.rejected += 1
            return self._full
        self._waiting.append((request, reply))
        return None

    def resize(self, workers: int, speed: float) -> None:
        """Work with other numbers from now on; service times already drawn stay."""
        self.workers, self.speed = workers, speed
        self._fill()

    def stop(self) -> None:
        """End at once: whatever waited or was being worked on is lost, and its callers see a broken connection."""
        self.up = False
        lost = self._lose_waiting() + [work.reply for work in self._working]
        for work in self._working:
            work.cancel()
        self._working.clear()
        self.busy = 0
        for reply in lost:
            reply(CONNECTION_LOST)

    def start(self) -> None:
        self.up = True

    def purge(self, keep: int, *, answer: bool) -> None:
        """Throw away what waits, the oldest first, until ``keep`` are left; ``answer`` says whether callers hear."""
        lost = self._drop(keep)
        for reply in lost if answer else ():
            reply(PURGED)

    def freeze(self) -> None:
        """Accept and do nothing, as a stopped process does."""
        self.frozen = True
        for work in self._working:
            work.cancel()

    def thaw(self, frozen_for: float) -> None:
        """Go on where work was left ``frozen_for`` s ago."""
        self.frozen = False
        frozen, self._working = self._working, set()
        for work in sorted(frozen, key=lambda work: work.left):
            left = max(0.0, work.left + frozen_for - self._env.now)
            self._working.add(Work(self._env, left, self._finished, work.request, work.reply))
        self._fill()

    def _drop(self, keep: int) -> list[Reply]:
        return [self._waiting.popleft()[1] for _ in range(len(self._waiting) - keep)]

    def _lose_waiting(self) -> list[Reply]:
        lost = [reply for _, reply in self._waiting]
        self._waiting.clear()
        return lost

    def _sampler(self, description: Description) -> Sampler:
        """Service times at normal speed, of a request that has just been counted as busy."""
        sample, slowdown = description.service_time.sampler(self._random), description.slowdown
        if slowdown is None:
            return sample
        factor = slowdown.factor
        return lambda: sample() * factor(self.busy / self.workers, len(self._waiting))

    def _begin(self, request: Request, reply: Reply) -> None:
        self.busy += 1
        seconds = self._sample() * request.effort / self.speed
        self._counts.worked += seconds
        self._counts.degraded += request.effort != 1.0
        self._working.add(Work(self._env, seconds, self._finished, request, reply))

    def _finished(self, work: Any) -> None:
        self._working.discard(work)
        if self._downstream and self.isolated:
            self._answer(work, failure("dependency"))
        elif self._downstream:
            self._call(0, work)
        else:
            self._answer(work, SUCCESS)

    def _call(self, index: int, work: Work) -> None:
        """Ask the dependencies one after the other, holding the worker."""
        strategy, endpoint = self._downstream[index]

        def answered(_now: float, outcome: Outcome) -> None:
            if not outcome.ok:
                self._answer(work, failure("dependency"))
            elif index + 1 < len(self._downstream):
                self._call(index + 1, work)
            else:
                self._answer(work, SUCCESS)

        request = work.request
        if request.attempt > 1:
            request = request.again(1)
        Run(self._env, strategy(self._env.now, request), endpoint, answered).start()

    def _answer(self, work: Work, outcome: Outcome) -> None:
        if not self.up:
            return
        self.busy -= 1
        counts = self._counts
        counts.completions += 1
        deadline = work.request.deadline
        if deadline is not None and self._env.now > deadline:
            counts.wasted += 1
        work.reply(outcome)
        if self._waiting:
            self._fill()

    def _fill(self) -> None:
        waiting = self._waiting
        while waiting and self.busy < self.workers and not self.frozen:
            self._begin(*(waiting.pop() if self._lifo else waiting.popleft()))


class Counts:
    """What a service has done since the start; ``worked`` is its service time in s, of requests that have begun."""

    __slots__ = ("arrivals", "completions", "degraded", "rejected", "wasted", "worked")

    def __init__(self) -> None:
        self.worked = 0.0
        self.arrivals = 0
        self.completions = 0
        self.degraded = 0
        self.rejected = 0
        self.wasted = 0


class Service:
    """The replicas behind one name, with the faults that hit single requests in front of each.

    There are ``most`` of them, of which the first ``present`` are part of the service now.
    """

    def __init__(
        self,
        env: simpy.Environment,
        description: Description,
        random: Random,
        *,
        fault_random: Random,
        make: Callable[[simpy.Environment, Description, Random, Counts], Replica] = Replica,
        most: int | None = None,
    ) -> None:
        self._env = env
        self._fault_random = fault_random
        self.faults: Sequence[RequestErrors | RequestDelay | Poison] = ()
        self.crash: Callable[[Replica, float], None] = lambda replica, restart: None
        self.counts = Counts()
        self.description = description
        self.present = description.replicas
        self.replicas = [make(env, description, random, self.counts) for _ in range(most or self.present)]
        for later in self.replicas[self.present :]:
            later.up = False
        self._versions: dict[str, int] = {}

    def endpoint(self, index: int) -> Endpoint:
        """Replica ``index`` with the faults in front of it."""
        replica = self.replicas[index]
        optimistic = self.description.optimistic

        def submit(request: Request, reply: Reply) -> Outcome | None:
            self.counts.arrivals += 1
            if optimistic:
                reply = self._transaction(request.key, reply)
            return self._submit_with_faults(replica, request, reply) if self.faults else replica.submit(request, reply)

        return submit

    def _transaction(self, key: str, reply: Reply) -> Reply:
        """A reply that fails when another transaction on ``key`` has succeeded since now."""
        versions = self._versions
        seen = versions.get(key, 0)

        def commit(outcome: Outcome) -> None:
            if outcome.ok and versions.get(key, 0) != seen:
                outcome = CONFLICT
            elif outcome.ok:
                versions[key] = seen + 1
            reply(outcome)

        return commit

    @property
    def members(self) -> Sequence[Replica]:
        """The replicas that are part of the service now."""
        return self.replicas[: self.present]

    @property
    def in_service(self) -> float:
        """The share of the replicas that are up and fit to serve."""
        fit = sum([replica.up and not replica.frozen and replica.unfit is None for replica in self.members])
        return fit / self.present

    @property
    def queue(self) -> int:
        return sum([len(replica._waiting) for replica in self.replicas])

    @property
    def busy(self) -> int:
        return sum([replica.busy for replica in self.replicas])

    @property
    def capacity(self) -> float:
        """Requests per s that the replicas that are up can finish now, at the concurrency that is best for them."""
        slowdown = self.description.slowdown
        fit = [r for r in self.members if r.up and not r.frozen and r.unfit is None]
        if slowdown is None:
            return self.description.capacity_of(sum([r.workers * r.speed for r in fit]))
        return self.description.capacity_of(sum(best_concurrency(slowdown, r.workers) * r.speed for r in fit))

    def _submit_with_faults(self, chosen: Replica, request: Request, reply: Reply) -> Outcome | None:
        delay = 0.0
        for fault in self.faults:
            if not self._concerns(fault, chosen) or self._fault_random.random() >= fault.probability:
                continue
            if isinstance(fault, Poison):
                return self._poisoned(chosen, fault)
            if isinstance(fault, RequestErrors):
                return INJECTED_OVERLOAD if fault.status in OVERLOAD_STATUSES else INJECTED
            delay += fault.delay
        if delay == 0.0:
            return chosen.submit(request, reply)

        def later(_event: Any) -> None:
            outcome = chosen.submit(request, reply)
            if outcome is not None:
                reply(outcome)

        Timer(self._env, delay, later)
        return None

    def _poisoned(self, chosen: Replica, fault: Poison) -> Outcome:
        if not chosen.up:
            return CONNECTION_REFUSED
        self.crash(chosen, fault.restart)
        return CONNECTION_LOST

    def _concerns(self, fault: RequestErrors | RequestDelay | Poison, chosen: Replica) -> bool:
        replica = fault.replica if isinstance(fault, RequestErrors) else None
        return replica is None or self.replicas[replica] is chosen
