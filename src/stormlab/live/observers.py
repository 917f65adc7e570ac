"""What is watched during a live run: every service's metrics once per scenario second, every network path by probes."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from stormlab.live import http
from stormlab.live.stack import Process, Replica
from stormlab.telemetry import names

GAUGES = (names.QUEUE_DEPTH, names.WORKERS_BUSY, names.CAPACITY, names.IN_SERVICE)
COUNTERS = (
    names.ARRIVALS,
    names.COMPLETIONS,
    names.REJECTED,
    names.WASTED,
    names.CACHE_HITS,
    names.CACHE_MISSES,
)
#: A scrape costs some ms: no more than one in so many s.
LEAST_WIDTH = 0.1
#: How often a thread that only sleeps looks at the clock, and from how late on the machine stood still, in s.
_GLANCE, STANDSTILL = 0.02, 0.1
#: How long a scrape may take, in s: while the run goes on, and after it, when nothing waits for the next.
_PATIENCE, _LAST_PATIENCE = 1.0, 10.0


class Reading(NamedTuple):
    """The state of one service at the end of bin ``bin_``, all replicas together, in live units.

    Where leases are needed, ``in_service`` is the share of the replicas that hold theirs.
    """

    service: str
    bin_: int
    queue: float
    busy: float
    capacity: float
    in_service: float
    arrivals: float
    completions: float
    rejected: float
    wasted: float
    hits: float
    misses: float


def every_bin(readings: Sequence[Reading]) -> Iterator[Reading]:
    """The readings of one service, and on a straight line between two of them what lies between."""
    yield from readings[:1]
    for before, after in pairwise(readings):
        width = after.bin_ - before.bin_
        for step in range(1, width + 1):
            share = step / width
            values = [a + share * (b - a) for a, b in zip(before[2:], after[2:], strict=True)]
            yield Reading(after.service, before.bin_ + step, *values)


class Probe(NamedTuple):
    """One small request past the queue of a replica: round trips in s directly and through the proxy, or ``None``."""

    service: str
    at: float
    direct: float | None
    proxied: float | None


class Watcher:
    """A thread that does ``step`` again and again, at the times of ``clock`` that ``step`` asks for."""

    def __init__(self, step: Callable[[], float], clock: Callable[[], float]) -> None:
        self._step = step
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._stopped.wait(max(0.0, self._step() - self._clock()))


class Standstills:
    """When the machine stood still: when a thread that only sleeps woke more than ``STANDSTILL`` s late.

    ``found`` has the time and the length of each, in s. A load that is too high for the machine makes its generator
    late and leaves this thread in time; a machine that somebody else holds makes both late.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = math.inf
        self.found: list[tuple[float, float]] = []

    def step(self) -> float:
        """The time of the next glance at the clock."""
        now = self._clock()
        if now - self._due > STANDSTILL:
            self.found.append((self._due, now - self._due))
        self._due = now + _GLANCE
        return self._due


@dataclass(slots=True)
class _Last:
    """A counter of a process that may be started anew, and then counts from 0."""

    base: float = 0.0
    value: float = 0.0

    def total(self, value: float) -> float:
        if value < self.value:
            self.base += self.value
        self.value = value
        return self.base + value


class Metrics:
    """Reads `/metrics` of all processes at the end of every bin of ``width`` s, or of every so manieth.

    ``silent`` are the services and bins in which a process gave no answer.
    """

    def __init__(self, processes: list[Process], *, clock: Callable[[], float], width: float) -> None:
        self._processes = processes
        self._clock = clock
        self._width = width
        self._stride = math.ceil(LEAST_WIDTH / width - 1e-9)
        self._next = 1
        self._last: dict[tuple[str, str], _Last] = {}
        self.readings: list[Reading] = []
        self.silent: list[tuple[str, int]] = []

    def step(self) -> float:
        now = self._clock()
        if now >= self._next * self._width:
            bin_ = max(self._next, int(now / self._width)) - 1
            for service in dict.fromkeys(process.service for process in self._processes):
                self.readings.append(self._read(service, bin_))
            self._next = max(self._next + self._stride, int(self._clock() / self._width) + 1)
        return self._next * self._width

    def _read(self, service: str, bin_: int) -> Reading:
        gauges, counters = [0.0] * len(GAUGES), [0.0] * len(COUNTERS)
        for process in self._processes:
            if process.service != service:
                continue
            values = _scrape(process)
            if not values:
                self.silent.append((service, bin_))
            for index, name in enumerate(GAUGES):
                gauges[index] += values.get(name, 0.0)
            for index, name in enumerate(COUNTERS):
                last = self._last.setdefault((process.name, name), _Last())
                counters[index] += last.total(values.get(name, last.value))
        return Reading(service, bin_, *gauges, *counters)


def _scrape(process: Process) -> dict[str, float]:
    """The metrics we know, by name; nothing when the process does not answer."""
    wanted = {*GAUGES, *COUNTERS}
    return {sample.name: sample.value for sample in _samples(process, _PATIENCE) if sample.name in wanted}


def _samples(process: Process, seconds: float) -> list[Sample]:
    try:
        _, body = http.exchange("GET", process.port, "/metrics", seconds=seconds)
        return [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    except (OSError, ValueError):
        return []


def edges(processes: Sequence[Process]) -> dict[str, dict[str, int]]:
    """What happened on every edge between services so far: how requests and how attempts ended."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    words = {names.EDGE_REQUESTS: "requests", names.EDGE_ATTEMPTS: "attempts"}
    for process in processes:
        for sample in _samples(process, _LAST_PATIENCE):
            if word := words.get(sample.name):
                counts, ending = found[sample.labels["edge"]], sample.labels["ending"]
                counts[word] += int(sample.value)
                counts[f"{word}.{ending}"] += int(sample.value)
    return {edge: dict(counts) for edge, counts in found.items()}


class Prober:
    """Compares the way through the proxy with the direct one, one replica of each service in turn."""

    #: Probes per s, and how long one may take, in s.
    PACE = 10.0
    LIMIT = 2.0

    def __init__(self, replicas: list[Replica], *, clock: Callable[[], float]) -> None:
        self._replicas = replicas
        self._clock = clock
        self._turn = 0
        self.probes: list[Probe] = []

    def step(self) -> float:
        replica = self._replicas[self._turn % len(self._replicas)]
        self._turn += 1
        began = self._clock()
        direct = _round_trip(replica.port, self.LIMIT)
        self.probes.append(Probe(replica.service, began, direct, _round_trip(replica.proxied, self.LIMIT)))
        return max(began + 1 / self.PACE, self._clock())


def _round_trip(port: int, limit: float) -> float | None:
    began = time.monotonic()
    try:
        http.exchange("GET", port, "/livez", seconds=limit)
    except OSError:
        return None
    return time.monotonic() - began
