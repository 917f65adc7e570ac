"""Emulated capacity on asyncio: callers wait for one of ``c`` workers and hold it for a drawn service time."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.common.service_time import ServiceTime
from services.common.station import Discipline, Station
from stormlab.errors import BadInput, CalleeFailed, Overloaded
from stormlab.outcome import Outcome
from stormlab.policies.queueing import INTERVAL, TARGET
from stormlab.scenario.parts import AnySlowdown, best_concurrency

MAX_WORKERS = 100_000
MAX_SPEED = 1000.0


class QueueFull(Overloaded):
    """All workers are busy and the queue is full."""


class WaitedTooLong(Overloaded):
    """The queue discipline turned the request away."""


class Purged(CalleeFailed):
    """The request was thrown away while it waited; ``told`` says whether its caller is to hear of it."""

    def __init__(self, *, told: bool) -> None:
        super().__init__("purged")
        self.told = told


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySpec:
    """What is emulated; ``workers`` of 0 switches the emulation off.

    Args:
        workers: concurrent services, 0 to 100,000.
        service_time: distribution of one service.
        queue_limit: waiting requests, 0 or more.
        discipline: who is served next, and who has waited too long.
        target, interval: s, for the disciplines that look at how long the queue has been standing.
        retry_after: s after which who is turned away is asked to come back; with 0 nothing is said.
        seed: of the stream the service times are drawn from.
        slowdown: how service times grow with the load.
        holding: whether a request keeps its worker after its service, until it is `completed`.
    """

    workers: int
    service_time: ServiceTime
    queue_limit: int = 1000
    discipline: Discipline = Discipline.FIFO
    target: float = TARGET
    interval: float = INTERVAL
    retry_after: float = 0.0
    seed: int = 0
    slowdown: AnySlowdown | None = None
    holding: bool = False


class Capacity:
    """The emulated workers of one service, with their counters since the start.

    ``clock`` gives s; the default is the monotonic clock, finer than the milliseconds of some event loops.
    """

    def __init__(self, spec: CapacitySpec, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self.clock = clock
        rng = random.Random(f"{spec.seed}:service-time")
        self._station: Station[asyncio.Future[float]] = Station(
            workers=spec.workers,
            draw=lambda: spec.service_time.sample(rng),
            queue_limit=spec.queue_limit,
            discipline=spec.discipline,
            target=spec.target,
            interval=spec.interval,
            slowdown=spec.slowdown.factor if spec.slowdown else None,
            holding=spec.holding,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self.arrivals = 0
        self.completions = 0
        self.rejected = 0
        self.wasted = 0
        self.degraded = 0
        self.service_seconds = 0.0

    @property
    def emulated(self) -> bool:
        return self.spec.workers > 0

    @property
    def workers(self) -> int:
        return self._station.workers

    @property
    def speed(self) -> float:
        return self._station.speed

    @property
    def waiting(self) -> int:
        return self._station.waiting

    @property
    def begun(self) -> int:
        """Requests that have got a worker since the start."""
        return self._station.line.begun

    @property
    def waited(self) -> float:
        """How long all of these together waited for it, in s."""
        return self._station.line.waited

    @property
    def busy(self) -> int:
        return self._station.busy

    @property
    def per_second(self) -> float:
        """Work that can be finished in a second now, at the best concurrency; 0 when nothing is emulated."""
        mean, workers = self.spec.service_time.mean, best_concurrency(self.spec.slowdown, self.workers)
        return workers * self.speed / mean if mean else math.inf

    @property
    def queue_limit(self) -> int:
        return self._station.line.limit

    async def serve(self, *, effort: float = 1.0) -> float:
        """Waits for a worker and for its service; the moment on the clock at which the service ended.

        The service takes ``effort`` times as long as is drawn.

        A caller that stops waiting leaves its work behind: it is served all the same, as in life.

        Raises:
            QueueFull: at once, when the queue has no room.
            WaitedTooLong: the queue discipline turned the request away.
            Purged: it was thrown away while it waited.
        """
        now = self.clock()
        if not self.emulated:
            return now
        self._advance(now)
        ticket: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        taken = self._station.arrive(now, ticket, effort=effort)
        self._turn_away()
        if not taken:
            self.rejected += 1
            raise QueueFull("queue-full", retry_after=self.spec.retry_after or None)
        self.degraded += effort != 1.0
        self._arm(now)
        return await ticket

    def completed(self, at: float, *, deadline: float | None = None) -> None:
        """Ends a request whose service ended ``at``; late when that is after its caller's ``deadline``.

        The work ends only now where there is more to it than its emulated service.
        """
        now = self.clock()
        finished = at if self.emulated and not self.spec.holding else now
        self.completions += 1
        self.wasted += deadline is not None and finished > deadline
        if self.emulated and self.spec.holding:
            self._release(now)

    def purge(self, *, keep: int = 0, told: bool = True) -> int:
        """Throws away the oldest waiting requests until ``keep`` are left; how many these were."""
        gone = self._station.purge(self.clock(), keep)
        for ticket in gone:
            if not ticket.done():
                ticket.set_exception(Purged(told=told))
        return len(gone)

    def change(self, *, workers: int | None = None, speed: float | None = None, queue_limit: int | None = None) -> None:
        """From now on ``workers`` (0 to 100,000) of ``speed`` (above 0, to 1000) behind a queue of ``queue_limit``;
        ``None`` is as configured.

        Raises:
            BadInput: nothing is emulated, or a number is out of range.
        """
        if not self.emulated:
            raise BadInput("no capacity is emulated: start the service with WORKERS of 1 or more")
        workers = self.spec.workers if workers is None else workers
        speed = 1.0 if speed is None else speed
        if not 0 <= workers <= MAX_WORKERS:
            raise BadInput(f"workers is {workers}; give 0 to {MAX_WORKERS}")
        if not 0 < speed <= MAX_SPEED:
            raise BadInput(f"speed is {speed}; give a number above 0 and at most {MAX_SPEED}")
        if queue_limit is not None and queue_limit < 0:
            raise BadInput(f"queue_limit is {queue_limit}; give 0 or more")
        now = self.clock()
        self._advance(now)
        self._station.line.limit = self.spec.queue_limit if queue_limit is None else queue_limit
        self._station.resize(now, workers=workers, speed=speed)
        self._arm(now)

    def configure(self, workers: int) -> None:
        """The configured number of workers is another one; a cut made by `change` stays until `restore`."""
        if not self.emulated or workers < 1 or workers == self.spec.workers:
            return
        cut = self._station.workers != self.spec.workers
        self.spec = replace(self.spec, workers=workers)
        if not cut:
            self.change(workers=workers, speed=self.speed)

    def restore(self) -> None:
        """Back to what was configured; nothing to do when nothing is emulated."""
        if self.emulated:
            self.change()

    def _advance(self, now: float) -> None:
        for finished in self._station.advance(now):
            self.service_seconds += finished.service
            if not finished.job.done():
                finished.job.set_result(finished.at)
            elif self.spec.holding:
                self._station.release(now)
        self._turn_away()

    def _release(self, now: float) -> None:
        self._advance(now)
        self._station.release(now)
        self._turn_away()
        self._arm(now)

    def _turn_away(self) -> None:
        for ticket in self._station.turned_away():
            self.rejected += 1
            if not ticket.done():
                ticket.set_exception(WaitedTooLong("shed-delay", retry_after=self.spec.retry_after or None))

    def refused(self, outcome: Outcome) -> None:
        """Counts one request that a guard refused."""
        self.rejected += 1

    def _arm(self, now: float) -> None:
        """Sets the one timer to the next completion, rounded up because some loops round timers to whole ms."""
        due = self._station.next_at
        if due == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, None
        if due is not None:
            delay = math.ceil(max(due - now, 0.0) * 1000) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        now = self.clock()
        self._due = self._timer = None
        self._advance(now)
        self._arm(now)
