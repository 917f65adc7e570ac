"""Three routes, three handlers, nothing kept here: what comes in goes to an upstream under its policies."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from urllib.parse import unquote_to_bytes

import structlog
from opentelemetry.trace import INVALID_SPAN

from services.common.asgi import App, BodyFirst, Bulkhead, Header, Receive, Scope, Send, answer, refuse
from services.common.capacity_guard import CapacityGuard, behind_guards, counting
from services.common.deadline import Abandonable, loop_deadline
from services.common.edge import Edge, ReplicaMetrics
from services.common.exchange import Answer, Asked
from services.common.faults import FaultGuard
from services.common.health import Check
from services.common.parts import Parts
from services.common.upstream import Upstream
from services.gateway.openapi import document
from services.gateway.settings import GatewaySettings, read_upstreams
from stormlab.effects import Request
from stormlab.outcome import Ending, Outcome, failure
from stormlab.telemetry.edges import EdgeMetrics

NAME = "gateway"
KEY_ROUTE, CREDIT_ROUTE, FIBONACCI_ROUTE = "/v1/{key}", "/v1/{key}/credit", "/fibonacci"
#: Bytes that the body of a credit may always have, however short values have to be.
_CREDIT_BYTES = 4096
_METHODS = {KEY_ROUTE: ("GET", "PUT", "DELETE"), CREDIT_ROUTE: ("POST",), FIBONACCI_ROUTE: ("GET",)}
_STATUS = {Ending.TIMEOUT: 504, Ending.REFUSED: 503, Ending.OVERLOADED: 503}
logger = structlog.get_logger()


class Gateway:
    """The handlers and the edges they call.

    Raises:
        BadInput: a setting or the file of upstreams cannot be used.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        upstreams = read_upstreams(settings.upstreams_file)
        self.settings = settings
        self.parts = Parts(NAME, settings)
        self.metrics = EdgeMetrics(service=NAME, registry=self.parts.registry)
        self.kv, self.fibonacci = self._edge("kv", upstreams.kv), self._edge("fibonacci", upstreams.fibonacci)
        self.edges = [self.kv, self.fibonacci]
        self.parts.registry.register(ReplicaMetrics(self.edges, service=NAME))
        self._credits = upstreams.kv.protocol == "http"

    def app(self) -> App:
        """The public application."""
        settings = self.settings
        handlers: App = CapacityGuard(self._forward, self.parts.capacity)
        handlers = behind_guards(handlers, self.parts.guards, self.parts.capacity)
        handlers = FaultGuard(handlers, self.parts.faults)
        handlers = Abandonable(handlers)
        handlers = body_in_scope(handlers)
        handlers = BodyFirst(
            handlers, limit=max(settings.max_value_bytes, _CREDIT_BYTES), seconds=settings.body_timeout
        )
        handlers = counting(Bulkhead(handlers, limit=settings.max_requests), self.parts.capacity)
        deep = [Check(name=edge.name, ask=edge.health) for edge in self.edges]
        pages = document(settings, self.kv.upstream)
        return self.parts.public(self._only_routes(handlers), route_of=route_of, document=pages, deep=deep)

    async def run(self) -> None:
        """Serves until SIGTERM; what is under way then is finished first."""
        async with AsyncExitStack() as stack:
            for edge in self.edges:
                edge.start()
                stack.push_async_callback(edge.close)
            await self.parts.run(self.app())

    def _edge(self, name: str, upstream: Upstream) -> Edge:
        return Edge(
            name,
            upstream,
            metrics=self.metrics,
            tracing=self.parts.tracing,
            largest=self.settings.max_answer_bytes,
            seed=self.settings.seed,
        )

    def _only_routes(self, guarded: App) -> App:
        """Refuses what no upstream would take, so that it costs no capacity and no attempt."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            route, key = target(scope)
            allowed = _METHODS.get(route, ())
            if not allowed or (route == CREDIT_ROUTE and not self._credits):
                return await refuse(send, 404, "no-such-route", "there are /v1/{key}, /v1/{key}/credit, /fibonacci?n=6")
            if scope["method"] not in allowed:
                words = ", ".join(allowed)
                return await refuse(send, 405, "method", f"use {words}", headers=[(b"allow", words.encode())])
            if route != FIBONACCI_ROUTE and (problem := key_problem(key, self.settings.max_key_length)):
                return await refuse(send, 400, "invalid-key", problem)
            return await guarded(scope, receive, send)

        return app

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, key = target(scope)
        path, edge = scope["raw_path"].decode("latin-1"), self.kv
        if route == FIBONACCI_ROUTE:
            path, edge = "/?" + scope["query_string"].decode("latin-1"), self.fibonacci
        elif len(scope["stormlab.body"]) > self._longest(route):
            limit = self._longest(route)
            return await refuse(send, 413, "too-large", f"the value is longer than {limit} bytes")
        asked = Asked(scope["method"], path, key, scope["stormlab.body"])
        outcome = await edge.ask(asked, _request(scope, asked), scope.get("stormlab.span", INVALID_SPAN))
        if outcome.reason == "fallback" and asked.method != "GET":
            outcome = failure("no-answer")
        return await deliver(send, outcome)

    def _longest(self, route: str) -> int:
        return self.settings.max_value_bytes if route == KEY_ROUTE else _CREDIT_BYTES


def target(scope: Scope) -> tuple[str, bytes]:
    """The route's template and the key's segment of the path, still percent-encoded; ``other`` when it is no route."""
    match scope["raw_path"].split(b"/", 4):
        case [b"", b"fibonacci"]:
            return FIBONACCI_ROUTE, b""
        case [b"", b"v1", key]:
            return KEY_ROUTE, key
        case [b"", b"v1", key, b"credit"]:
            return CREDIT_ROUTE, key
    return "other", b""


def route_of(scope: Scope) -> str:
    return target(scope)[0]


def key_problem(key: bytes, limit: int) -> str:
    """Why an encoded key cannot be used; empty when it can."""
    try:
        size = len(unquote_to_bytes(key).decode())
    except UnicodeDecodeError:
        return "the key is not percent-encoded UTF-8"
    return "" if 0 < size <= limit else f"the key has {size} characters; 1 to {limit} are allowed"


def body_in_scope(app: App) -> App:
    """Leaves the body, which has been read already, in the scope, so that ``receive`` tells only of hang-ups."""

    async def taking(scope: Scope, receive: Receive, send: Send) -> None:
        has_body = scope["method"] in ("PUT", "POST")
        scope["stormlab.body"] = (await receive())["body"] if has_body else b""
        await app(scope, receive, send)

    return taking


def _request(scope: Scope, asked: Asked) -> Request:
    """What the policies may know: the caller's deadline on the loop's clock, and what is asked for."""
    client = scope.get("client") or ("", 0)
    return Request(deadline=loop_deadline(scope), caller=str(client[0]), key=f"{asked.method} {asked.path}")


async def deliver(send: Send, outcome: Outcome) -> None:
    """The upstream's own answer if there is one; otherwise why there is none."""
    if isinstance(outcome.value, Answer):
        given = outcome.value
        headers: list[Header] = [(b"retry-after", given.retry_after)] if given.retry_after else []
        return await answer(send, given.status, given.body, content_type=given.content_type or None, headers=headers)
    status = _STATUS.get(outcome.ending, 502)
    headers = []
    if outcome.retry_after is not None:
        headers = [(b"retry-after", b"%d" % math.ceil(outcome.retry_after))]
    reason = outcome.reason or outcome.ending.value
    return await refuse(send, status, reason, f"no answer from the upstream: {reason}", headers=headers)


async def run(settings: GatewaySettings) -> None:
    """Runs the gateway until SIGTERM.

    Raises:
        BadInput: a setting, the file of upstreams or an address cannot be used.
    """
    logger.info("starting", settings=settings.masked())
    await Gateway(settings).run()
