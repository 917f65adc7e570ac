"""Rate, errors and duration of every request, and the scrape page."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from services.common.asgi import App, Message, Receive, Scope, Send, answer, header
from services.common.logs import REQUESTS
from stormlab.telemetry import names

disable_created_metrics()  # type: ignore[no-untyped-call]

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"})


class RequestCounts:
    """What was asked of one service, by route, method and status, over all of its front ends."""

    def __init__(self, *, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        labels = ["service", "route", "method"]
        self._requests = Counter(names.REQUESTS, "requests answered", [*labels, "status"], registry=registry)
        self._seconds = Histogram(
            names.REQUEST_SECONDS,
            "time to the end of the answer in s",
            labels,
            registry=registry,
            buckets=names.BUCKETS,
        )
        self._counters: dict[tuple[str, str, str], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def count(
        self, route: str, method: str, status: str, seconds: float, *, exemplar: dict[str, str] | None = None
    ) -> None:
        """Counts one request that took ``seconds``; ``exemplar`` leads to its trace."""
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._requests.labels(self._service, route, method, status)
            self._counters[route, method, status] = counter
        timer = self._timers.get((route, method))
        if timer is None:
            timer = self._timers[route, method] = self._seconds.labels(self._service, route, method)
        counter.inc(1, exemplar)
        timer.observe(seconds, exemplar)


class RequestMetrics:
    """The outermost guard: counts and times requests.

    It leaves the route and the moment of arrival (s, monotonic) in the scope, as ``stormlab.route`` and
    ``stormlab.arrived``, for the guards further in.

    Args:
        counts: ``None`` to count nothing.
        route_of: gives the route's template; its answers must be few, they become label values.
    """

    def __init__(self, app: App, counts: RequestCounts | None, *, route_of: Callable[[Scope], str]) -> None:
        self._app, self._counts, self._route_of = app, counts, route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope["stormlab.arrived"] = start = time.monotonic()
        scope["stormlab.route"] = route = self._route_of(scope)
        counts, status = self._counts, 500
        if counts is None:
            return await self._app(scope, receive, send)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            return await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            seconds = time.monotonic() - start
            counts.count(route, method, str(status), seconds, exemplar=scope.get("stormlab.exemplar"))
            REQUESTS.note(scope, route, method, status, seconds)


def metrics_page(registry: CollectorRegistry) -> App:
    """The scrape page of ``registry``; in OpenMetrics form, the one with exemplars, for who asks for it."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        encode, content_type = choose_encoder((header(scope, b"accept") or b"").decode("latin-1"))
        await answer(send, 200, encode(registry), content_type=content_type.encode())

    return page


def gauge(name: str, text: str, service: str, value: float) -> Metric:
    """One figure of ``service`` that goes up and down, for collectors that read when they are scraped."""
    family = GaugeMetricFamily(name, text, labels=["service"])
    family.add_metric([service], value)
    return family


def counter(name: str, text: str, service: str, value: float) -> Metric:
    """One figure of ``service`` that only grows."""
    family = CounterMetricFamily(name.removesuffix("_total"), text, labels=["service"])
    family.add_metric([service], value)
    return family
