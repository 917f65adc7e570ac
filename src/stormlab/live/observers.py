"""What is watched during a live run: every service's metrics once per scenario second, every network path by probes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from stormlab.live import http
from stormlab.live.stack import Replica
from stormlab.telemetry import names

GAUGES = (names.QUEUE_DEPTH, names.WORKERS_BUSY, names.CAPACITY)
COUNTERS = (names.COMPLETIONS, names.REJECTED, names.WASTED)


class Reading(NamedTuple):
    """The state of one service at the end of bin ``bin_``, all replicas together, in live units."""

    service: str
    bin_: int
    queue: float
    busy: float
    capacity: float
    completions: float
    rejected: float
    wasted: float


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
    """Reads `/metrics` of all replicas at the end of every bin of ``width`` s."""

    def __init__(self, replicas: list[Replica], *, clock: Callable[[], float], width: float) -> None:
        self._replicas = replicas
        self._clock = clock
        self._width = width
        self._next = 1
        self._last: dict[tuple[str, str], _Last] = {}
        self.readings: list[Reading] = []

    def step(self) -> float:
        if self._clock() >= self._next * self._width:
            for service in dict.fromkeys(replica.service for replica in self._replicas):
                self.readings.append(self._read(service, self._next - 1))
            self._next = max(self._next, int(self._clock() / self._width)) + 1
        return self._next * self._width

    def _read(self, service: str, bin_: int) -> Reading:
        gauges, counters = [0.0] * len(GAUGES), [0.0] * len(COUNTERS)
        for replica in self._replicas:
            if replica.service != service:
                continue
            values = _scrape(replica)
            for index, name in enumerate(GAUGES):
                gauges[index] += values.get(name, 0.0)
            for index, name in enumerate(COUNTERS):
                last = self._last.setdefault((replica.name, name), _Last())
                counters[index] += last.total(values.get(name, last.value))
        return Reading(service, bin_, *gauges, *counters)


def _scrape(replica: Replica) -> dict[str, float]:
    """The metrics we know, by name; nothing when the replica does not answer."""
    try:
        _, body = http.exchange("GET", replica.port, "/metrics", seconds=1.0)
        families = list(text_string_to_metric_families(body.decode()))
    except (OSError, ValueError):
        return {}
    wanted = {*GAUGES, *COUNTERS}
    return {sample.name: sample.value for family in families for sample in family.samples if sample.name in wanted}


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
