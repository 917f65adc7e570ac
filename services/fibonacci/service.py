"""``GET /?n=6`` → ``13``, behind the guards of every service; work that nobody waits for is stopped."""

from __future__ import annotations

import re
import socket
from urllib.parse import parse_qsl

import structlog
from opentelemetry.trace import INVALID_SPAN
from prometheus_client import Counter

from services.common.asgi import App, Bulkhead, Receive, Scope, Send, answer, refuse
from services.common.capacity_guard import CapacityGuard, behind_guards, counting
from services.common.deadline import Abandonable
from services.common.faults import FaultGuard
from services.common.health import Check, Finding, Status
from services.common.parts import Parts
from services.fibonacci.openapi import document
from services.fibonacci.recursion import Recursion, burn
from services.fibonacci.settings import FibonacciSettings
from stormlab.telemetry import names

NAME = "fibonacci"
#: Digits of an index that are worth reading.
_DIGITS = 18
_WHOLE = re.compile(r"-?[0-9]+")
logger = structlog.get_logger()


class UnusableIndex(Exception):
    """The index cannot be computed; the message says why."""


class Fibonacci:
    """The service's handlers and what they count."""

    def __init__(self, settings: FibonacciSettings) -> None:
        self.settings = settings
        self.parts = Parts(NAME, settings)
        calls = Counter(
            names.FIBONACCI_CALLS,
            "calls of the function",
            ["application", "container_id"],
            registry=self.parts.registry,
        )
        self._calls = calls.labels(NAME, settings.container_id or socket.gethostname())

    def app(self) -> App:
        """The public application."""
        compute: App = CapacityGuard(self._compute, self.parts.capacity)
        compute = behind_guards(compute, self.parts.guards, self.parts.capacity)
        compute = FaultGuard(compute, self.parts.faults)
        compute = Abandonable(compute)
        compute = counting(Bulkhead(compute, limit=self.settings.max_requests), self.parts.capacity)
        deep = [Check(name="recursion", ask=self._probe)]
        return self.parts.public(
            only_root(compute), route_of=route_of, document=document(self.settings.max_n), deep=deep
        )

    async def _compute(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            n = index(scope["query_string"], limit=self.settings.max_n)
        except UnusableIndex as error:
            return await refuse(send, 400, "index", str(error))
        span = scope.get("stormlab.span", INVALID_SPAN)
        span.set_attribute(names.ATTRIBUTE_PARAMETER, n)
        if self.settings.cpu_seconds:
            await burn(self.settings.cpu_seconds)
        result = await self._recursion()(n, span)
        span.set_attribute(names.ATTRIBUTE_RESULT, result)
        return await answer(send, 200, b"%d" % result, content_type=b"text/plain; charset=utf-8")

    def _recursion(self) -> Recursion:
        return Recursion(self.parts.tracing, counted=self._calls.inc, room=self.settings.max_tasks)

    async def _probe(self) -> Finding:
        result = await Recursion(self.parts.tracing, counted=lambda: None, room=0)(6, INVALID_SPAN)
        return Finding(Status.HEALTHY if result == 13 else Status.FAILING, f"f(6) = {result}")


def index(query: bytes, *, limit: int) -> int:
    """The index ``n`` of a query string.

    Raises:
        UnusableIndex: it is missing, repeated, no whole number, or not from 0 to ``limit``.
    """
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        pairs = []
    given = [value for name, value in pairs if name == "n"]
    if len(given) != 1 or not _WHOLE.fullmatch(given[0]):
        raise UnusableIndex("couldn't parse index n: give one whole number, as in /?n=6")
    text = given[0]
    if len(text) > _DIGITS or not 0 <= int(text) <= limit:
        raise UnusableIndex(f"couldn't use index n: it must be from 0 to {limit}")
    return int(text)


def route_of(scope: Scope) -> str:
    return "/" if scope["path"] == "/" else "other"


def only_root(guarded: App) -> App:
    """Lets through what asks for a number, so that stray requests cost no capacity and count in no dose."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/":
            return await refuse(send, 404, "no-such-route", "numbers are at /?n=6")
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(send, 405, "method", "use GET", headers=[(b"allow", b"GET, HEAD")])
        return await guarded(scope, receive, send)

    return app


async def run(settings: FibonacciSettings) -> None:
    """Runs the service until SIGTERM.

    Raises:
        BadInput: a setting or an address cannot be used.
    """
    logger.info("starting", settings=settings.masked())
    service = Fibonacci(settings)
    await service.parts.run(service.app())
