"""A queueing station: ``c`` workers behind one bounded queue, as numbers in and numbers out.

The station keeps its own time line. A job that waited starts at the very moment at which the worker before it became
free, however late anybody notices, so late timers delay answers but never cost capacity: the station is an exact
G/G/c/K queue fed by the arrivals it is told about.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from stormlab.policies.queueing import INTERVAL, TARGET, Discipline, WaitingLine

__all__ = ["Discipline", "Finished", "Station"]

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class Finished(Generic[Job]):
    """A job whose service ended at ``at`` (s) after ``service`` seconds on a worker."""

    at: float
    service: float
    job: Job


@dataclass(slots=True, kw_only=True)
class Station(Generic[Job]):
    """``c`` workers, a queue of at most ``queue_limit`` waiting jobs, and a clock that only its caller moves.

    Args:
        workers: how many jobs are served at the same time; 0 serves nothing.
        draw: gives the next service time in s at speed 1.
        queue_limit: waiting jobs, not counting those in service; 0 means that nothing ever waits.
        discipline: who is next, and who has waited too long.
        target, interval: s, for the disciplines that look at how long the queue has been standing.
        speed: service times of jobs that start from now on are divided by it; above 0.
        slowdown: how many times as long a service takes that starts with this share of the workers busy, itself
            included, and so many jobs waiting.
        holding: whether a job keeps its worker after its service, until `release`.
    """

    workers: int
    draw: Callable[[], float]
    queue_limit: int
    discipline: Discipline = Discipline.FIFO
    target: float = TARGET
    interval: float = INTERVAL
    speed: float = 1.0
    slowdown: Callable[[float, int], float] | None = None
    holding: bool = False
    held: int = 0
    line: WaitingLine[tuple[Job, float]] = field(init=False, repr=False)
    _expired: list[Job] = field(default_factory=list, repr=False)
    _serving: list[tuple[float, int, float, Job]] = field(default_factory=list, repr=False)
    _started: int = 0

    def __post_init__(self) -> None:
        self.line = WaitingLine(
            limit=self.queue_limit, discipline=self.discipline, target=self.target, interval=self.interval
        )

    @property
    def waiting(self) -> int:
        return len(self.line)

    @property
    def busy(self) -> int:
        return len(self._serving) + self.held

    @property
    def next_at(self) -> float | None:
        """When the next job finishes, in s; ``None`` while all workers idle."""
        return self._serving[0][0] if self._serving else None

    def arrive(self, now: float, job: Job, *, effort: float = 1.0) -> bool:
        """Takes ``job`` in at ``now`` and says so, unless the queue is full. First `advance` to the same ``now``.

        Its service takes ``effort`` times as long as is drawn.
        """
        self._turn_away(now)
        if self.busy < self.workers:
            self.line.begun += 1
            self._start(now, job, effort)
            return True
        return self.line.join(now, (job, effort))

    def turned_away(self) -> list[Job]:
        """Those who have waited too long, each told once."""
        gone, self._expired = self._expired, []
        return gone

    def advance(self, now: float) -> list[Finished[Job]]:
        """Everything that has finished up to ``now``, in order of time."""
        finished: list[Finished[Job]] = []
        while self._serving and self._serving[0][0] <= now:
            at, _, service, job = heapq.heappop(self._serving)
            finished.append(Finished(at, service, job))
            if self.holding:
                self.held += 1
            else:
                self._fill(at)
        return finished

    def release(self, now: float) -> None:
        """A job whose service has ended gives its worker back."""
        self.held -= 1
        self._fill(now)

    def purge(self, now: float, keep: int) -> list[Job]:
        """The oldest waiting jobs, removed until ``keep`` are left."""
        return [job for job, _ in self.line.drop(now, keep)]

    def resize(self, now: float, *, workers: int, speed: float) -> None:
        """From ``now`` on there are ``workers`` workers of ``speed``; services under way end as they were drawn."""
        self.workers, self.speed = workers, speed
        self._fill(now)

    def _fill(self, now: float) -> None:
        while self.busy < self.workers:
            self._turn_away(now)
            taken = self.line.take(now)
            if taken is None:
                return
            self._start(now, *taken)

    def _turn_away(self, now: float) -> None:
        self._expired += [job for job, _ in self.line.expired(now)]

    def _start(self, now: float, job: Job, effort: float) -> None:
        service = self.draw() * effort / self.speed
        if self.slowdown is not None:
            service *= self.slowdown((self.busy + 1) / self.workers, self.waiting)
        self._started += 1
        heapq.heappush(self._serving, (now + service, self._started, service, job))
