"""The queue in front of a server's workers: who is next, and who has waited too long to be served at all.

*Adaptive LIFO*: first come, first served, until a queue has been standing for ``interval``; then the newest first,
whose callers are the likeliest to be still there. *CoDel* as Facebook uses it: a request may wait ``interval`` for a
worker, but only ``target`` while a queue has been standing for ``interval`` (B. Maurer, "Fail at Scale", ACM Queue
13(8), 2015, with M = 5 ms for the target and N = 100 ms for the interval).
A queue *stands* for as long as it has not been empty.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

from stormlab.policies.checks import count, positive

Job = TypeVar("Job")

#: M and N of "Fail at Scale", in s.
TARGET, INTERVAL = 0.005, 0.1


class Discipline(StrEnum):
    """Who is next when a worker becomes free; those with CoDel also turn away who has waited too long."""

    FIFO = "fifo"
    LIFO = "lifo"
    ADAPTIVE_LIFO = "adaptive-lifo"
    CODEL = "codel"
    CODEL_LIFO = "codel-lifo"


_ADAPTIVE = (Discipline.ADAPTIVE_LIFO, Discipline.CODEL_LIFO)
_TIMED = (Discipline.CODEL, Discipline.CODEL_LIFO)


class WaitingLine(Generic[Job]):
    """At most ``limit`` jobs in order of arrival. ``now`` is in s and never goes back.

    Args:
        limit: jobs that may wait, 0 or more.
        discipline: see :class:`Discipline`.
        target: s that a job may wait while a queue stands; for CoDel.
        interval: s after which a queue that has not been empty is a standing one, and that a job may wait else.

    Raises:
        stormlab.errors.InvalidValue: a number is out of its range.
    """

    def __init__(
        self,
        *,
        limit: int,
        discipline: Discipline = Discipline.FIFO,
        target: float = TARGET,
        interval: float = INTERVAL,
    ) -> None:
        count("limit", limit)
        positive("target", target)
        positive("interval", interval)
        self.limit = limit
        self.discipline = discipline
        self.target = target
        self.interval = interval
        self._jobs: deque[tuple[float, float, Job]] = deque()
        self._emptied = float("-inf")
        self.begun = 0
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def join(self, now: float, job: Job) -> bool:
        """Take ``job`` in and say so, unless the queue is full. First turn away the :meth:`expired`."""
        if len(self._jobs) >= self.limit:
            return False
        if not self._jobs:
            self._emptied = now
        self._jobs.append((now, now + self._patience(now), job))
        return True

    def take(self, now: float) -> Job | None:
        """The next to be served; ``None`` when nobody waits. First turn away the :meth:`expired`."""
        if not self._jobs:
            return None
        newest = self.discipline is Discipline.LIFO or (self.discipline in _ADAPTIVE and self.standing(now))
        arrived, _, job = self._jobs.pop() if newest else self._jobs.popleft()
        if not self._jobs:
            self._emptied = now
        self.begun += 1
        self.waited += now - arrived
        return job

    def expired(self, now: float) -> list[Job]:
        """Those who have waited longer than they may, removed from the queue."""
        if self.discipline not in _TIMED or not self._jobs:
            return []
        gone = [job for _, until, job in self._jobs if until < now]
        if gone:
            self._jobs = deque(entry for entry in self._jobs if entry[1] >= now)
            if not self._jobs:
                self._emptied = now
        return gone

    def drop(self, now: float, keep: int) -> list[Job]:
        """The oldest of those who wait, removed from the queue until ``keep`` are left."""
        gone = [self._jobs.popleft()[2] for _ in range(len(self._jobs) - keep)]
        if gone and not self._jobs:
            self._emptied = now
        return gone

    def clear(self) -> list[Job]:
        """Everybody who waits, removed from the queue."""
        everybody = [job for _, _, job in self._jobs]
        self._jobs.clear()
        return everybody

    def standing(self, now: float) -> bool:
        """Whether the queue has not been empty for ``interval``."""
        return bool(self._jobs) and self._emptied < now - self.interval

    def _patience(self, now: float) -> float:
        if self.discipline not in _TIMED:
            return float("inf")
        return self.target if self._emptied < now - self.interval else self.interval
