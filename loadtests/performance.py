"""Plays one worker's share of a load: every request when it is due, or users who wait for their answers."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol

import gevent

from loadtests.asks import Ask, Choice
from loadtests.caller import Caller
from loadtests.journal import Journal, Slice
from loadtests.metrics import LoadMetrics, Watched
from loadtests.plan import Job, Part, part_of
from loadtests.transports import Transport
from stormlab.effects import PLAIN, Request
from stormlab.outcome import Outcome
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.model import Closed
from stormlab.scenario.streams import stream
from stormlab.telemetry.tracing import Tracing

#: Requests one client may have under way in a process; more are not sent, which makes the run void.
MOST_UNDER_WAY = 8000
#: How long requests may go on after the end of the load, in s.
DRAIN = 15.0

#: Told of every request that has ended: client, method, outcome, latency in s, bytes sent.
Told = Callable[[str, str, Outcome, float, int], None]


class Cast(Protocol):
    """Where the requests of a client go and what they ask for."""

    def transport(self, client: str) -> Transport: ...

    def choice(self, client: str) -> Choice | None:
        """``None`` when the requests themselves say it: those of a scenario's client."""
        ...


class Performance:
    """One run in one process.

    Args:
        share: the number of this worker.
        told: hears of every request that has ended.
    """

    def __init__(
        self,
        job: Job,
        share: int,
        cast: Cast,
        *,
        told: Told,
        metrics: LoadMetrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.job, self.share = job, share
        self.journal = Journal()
        self._behind = job.told - time.time()
        self._epoch = time.monotonic() + job.epoch - time.time()
        self._stopped = False
        self._clients = {
            name: _Client(self, place, name, cast, told, metrics, tracing)
            for place, name in enumerate(job.scenario.clients)
        }
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    def start(self) -> None:
        """Begin at the job's epoch; returns at once."""
        _settle_memory()
        self._greenlets = [
            gevent.spawn(one.play_when_due)
            for name, one in self._clients.items()
            if not isinstance(self.job.scenario.clients[name].arrivals, Closed)
        ]

    def now(self) -> float:
        """s since the load began."""
        return time.monotonic() - self._epoch

    @property
    def over(self) -> bool:
        """Whether no further request will be sent."""
        return self._stopped or self.now() >= self.job.scenario.run.duration

    @property
    def done(self) -> bool:
        """Whether nothing will be sent any more and nothing is under way, or has been for too long."""
        if not self.over or not all(one.ready() for one in self._greenlets):
            return False
        late = self.now() > self.job.scenario.run.duration + DRAIN
        return self._stopped or late or self.journal.under_way == 0

    def stop(self) -> None:
        """Send nothing any more."""
        self._stopped = True
        gevent.killall(self._greenlets)

    def take(self) -> Slice:
        return self.journal.take(done=self.done, behind=self._behind, stamp=time.time())

    def live(self, client: str, ordinal: str, think: Callable[[], None]) -> None:
        """Be one user of a closed loop until the load is over: ask, wait for the answer, ``think``, ask again."""
        random = stream(self.job.settings.seed, "client", client, "user", f"{self.share}-{ordinal}")
        gevent.sleep(max(0.0, -self.now()))
        while not self.over:
            self._clients[client].ask_now(random)
            think()


class _Client:
    """One client of the scenario in this process."""

    def __init__(
        self,
        performance: Performance,
        place: int,
        name: str,
        cast: Cast,
        told: Told,
        metrics: LoadMetrics | None,
        tracing: Tracing | None,
    ) -> None:
        job, share, of = performance.job, performance.share, len(performance.job.shares)
        self._place, self._name, self._told = place, name, told
        self._performance, self._journal = performance, performance.journal
        self._watched: Watched | None = None
        seed, policies = job.settings.seed, job.scenario.clients[name].policies
        if metrics is not None:
            self._watched = Watched()
            metrics.watch(name, self._watched, policies)
        self._ended = None if metrics is None else metrics.edges.request_ended
        self._caller = Caller(
            name,
            cast.transport(name),
            policies,
            random=stream(seed, "client", name, "policies", str(share)),
            clock=performance.now,
            attempted=self._count_attempt,
            listener=None if metrics is None else metrics.edges,
            tracing=tracing,
        )
        self._choose = cast.choice(name)
        self._part: Part = part_of(job.scenario, name, seed, share=share, of=of)
        self._mine = 0

    def play_when_due(self) -> None:
        """Start a greenlet for every request at its time, whatever became of the earlier ones."""
        now, spawn, part = self._performance.now, gevent.spawn_raw, self._part
        for place, intended in enumerate(part.intended.tolist()):
            left = intended - now()
            if left > 0:
                gevent.sleep(left)
            if self._mine >= MOST_UNDER_WAY:
                self._drop()
                continue
            self._mine += 1
            spawn(self._play, place, intended)

    def ask_now(self, random: Random) -> None:
        """One request of a closed loop; it is due when it is sent."""
        self._mine += 1
        draws = random.random(), random.random()
        self._request(-1, self._performance.now(), self._ask(draws, PLAIN), PLAIN)

    def _play(self, place: int, intended: float) -> None:
        part = self._part
        request = part.request(place)
        self._request(int(part.numbers[place]), intended, self._ask(part.draws[place], request), request)

    def _ask(self, draws: Any, request: Request) -> Ask:
        if self._choose is None:
            return Ask("GET", f"/v1/{request.key or 'stormlab'}")
        return self._choose(draws[0], draws[1])

    def _request(self, number: int, intended: float, ask: Ask, request: Request) -> None:
        journal, now = self._journal, self._performance.now
        sent = now()
        journal.under_way += 1
        if self._watched is not None:
            self._watched.under_way += 1
        try:
            outcome, attempts = self._caller.call(ask, request)
        finally:
            journal.under_way -= 1
            self._mine -= 1
            if self._watched is not None:
                self._watched.ended(intended, sent)
        ended = now()
        journal.note(self._place, number, intended, sent, ended, outcome.ending, attempts)
        if self._ended is not None:
            self._ended(self._name, outcome)
        self._told(self._name, ask.method, outcome, ended - intended, len(ask.body))

    def _count_attempt(self, now: float) -> None:
        self._journal.attempts[int(now)] += 1

    def _drop(self) -> None:
        self._journal.dropped += 1
        if self._watched is not None:
            self._watched.dropped += 1


def _settle_memory() -> None:
    """Collect garbage now, keep the survivors out of it, and make full collections rare: each would hold up every
    request that is due meanwhile, for up to half a second."""
    gc.collect()
    gc.freeze()
    young, middle, _full = gc.get_threshold()
    gc.set_threshold(young, middle, 1000)


def planned(job: Job) -> Mapping[int, int]:
    """How many requests each worker is to send, by its number; none in a closed loop, where answers decide."""
    counts = [len(arrival_times(job.scenario, name, job.settings.seed)) for name in job.scenario.clients]
    of = len(job.shares)
    return {share: sum(len(range(share, count, of)) for count in counts) for share in job.shares.values()}
