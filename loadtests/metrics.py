"""The scrape page of a load generator: offered load and how late it was, requests, attempts, states of the policies.

What the journals of the clients hold already is counted when it is scraped, so that only attempts cost something while
the load runs, and nothing does where nobody scrapes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, Metric, disable_created_metrics, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from stormlab.drivers.edge import CUT_OFF
from stormlab.effects import Request
from stormlab.events import AttemptEnded
from stormlab.live.ports import HOST
from stormlab.outcome import Outcome
from stormlab.policies import Policy
from stormlab.telemetry import names
from stormlab.telemetry.edges import EdgeMetrics

#: What the label `service` says.
SERVICE = "load"
_LABELS = ("service", "edge")
Operation = Callable[[Request], Outcome]


class Journal(Protocol):
    """What is counted of one client; elements in s, one for each request that ended."""

    intended: array[float]
    sent: array[float]
    under_way: int
    dropped: int


class Watched:
    """The journal of a client for which nobody else keeps one."""

    def __init__(self) -> None:
        self.intended, self.sent = array("d"), array("d")
        self.under_way = self.dropped = 0

    def ended(self, intended: float, sent: float) -> None:
        """A request that was under way is not any more."""
        self.under_way -= 1
        self.intended.append(intended)
        self.sent.append(sent)


class LoadMetrics:
    """Counts for the clients it is told of; `serve` it from the process that makes the load."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.edges = EdgeMetrics(service=SERVICE, registry=self.registry)
        self._clients: dict[str, tuple[Journal, Lateness]] = {}
        self.registry.register(self)

    def watch(self, edge: str, journal: Journal, policies: Sequence[Policy]) -> None:
        """Counts what ``journal`` holds from now on; shows what ``policies`` begin with."""
        self._clients[edge] = journal, Lateness()
        self.edges.introduce(edge, policies)

    def metered(self, edge: str, operation: Operation, clock: Callable[[], float]) -> Operation:
        """``operation``, each attempt of it counted and timed; one that is cut off is a time-out."""

        def attempt(request: Request) -> Outcome:
            began, outcome = clock(), CUT_OFF
            try:
                outcome = operation(request)
                return outcome
            finally:
                now = clock()
                self.edges(AttemptEnded(now, edge, request.attempt, now - began, outcome))

        return attempt

    def collect(self) -> Iterator[Metric]:
        offered = CounterMetricFamily(names.LOAD_OFFERED, "requests due so far, sent or dropped", labels=_LABELS)
        under_way = GaugeMetricFamily(names.LOAD_UNDER_WAY, "requests that have not ended", labels=_LABELS)
        late = HistogramMetricFamily(
            names.LOAD_LATENESS_SECONDS, "start of a request after the intended one, in s", labels=_LABELS
        )
        for edge, (journal, lateness) in self._clients.items():
            offered.add_metric((SERVICE, edge), len(journal.intended) + journal.under_way + journal.dropped)
            under_way.add_metric((SERVICE, edge), journal.under_way)
            lateness.read(journal)
            late.add_metric((SERVICE, edge), lateness.buckets(), lateness.seconds)
        yield from (offered, under_way, late)


class Lateness:
    """How late requests started, as a histogram that goes on where it stopped reading."""

    def __init__(self) -> None:
        self._counts = [0] * (len(names.BUCKETS) + 1)
        self._read = 0
        self.seconds = 0.0

    def read(self, journal: Journal) -> None:
        fresh = slice(self._read, len(journal.sent))
        for intended, sent in zip(journal.intended[fresh], journal.sent[fresh], strict=True):
            late = max(0.0, sent - intended)
            self._counts[bisect_left(names.BUCKETS, late)] += 1
            self.seconds += late
        self._read = fresh.stop

    def buckets(self) -> list[tuple[str, float]]:
        """Upper edges with how many were at most that late."""
        edges = [*map(str, names.BUCKETS), "+Inf"]
        return list(zip(edges, map(float, accumulate(self._counts)), strict=True))


def serve(metrics: LoadMetrics, port: int, *, host: str = HOST) -> WSGIServer:
    """Answers scrapes on ``port`` until it is stopped; 0 takes a free one (``server_port``)."""
    server = WSGIServer((host, port), make_wsgi_app(metrics.registry), log=None)
    server.start()
    return server
