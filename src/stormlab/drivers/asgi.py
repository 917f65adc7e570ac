"""Policies as pure ASGI middleware: what they refuse never reaches the application."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

from stormlab.drivers.aio import Pipeline
from stormlab.drivers.server import EFFORT, OnRefusal, effort_of, outcome_of, priority_of, status_of, unheard
from stormlab.effects import Request
from stormlab.outcome import Outcome
from stormlab.telemetry import names

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Health and metrics pass no guard: an overloaded server must not be taken for a dead one.
BYPASS = frozenset({"/livez", "/readyz", "/healthz/deep", "/metrics"})


def request_of(scope: Scope) -> Request:
    """Caller, priority and idempotency key from the headers; without a caller's name, the address of its machine."""
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    client = scope.get("client")
    return Request(
        caller=found.get(names.CALLER_HEADER) or (client[0] if client else ""),
        priority=priority_of(found.get(names.PRIORITY_HEADER, "")),
        key=found.get(names.KEY_HEADER) or scope["path"],
        token=found.get(names.IDEMPOTENCY_HEADER, ""),
        effort=effort_of(found.get(names.EFFORT_HEADER, "1")),
    )


class AsgiGuard:
    """``app`` behind the policies of ``pipeline``; a degraded request shows in :data:`stormlab.drivers.server.EFFORT`.

    Args:
        pipeline: shared by all front ends of one service, so that they share its limits.
        identify: says who asks for what; replace it where callers are authenticated.
        bypass: paths that pass no guard.
        refused: hears of every refusal.
    """

    def __init__(
        self,
        app: App,
        pipeline: Pipeline,
        *,
        identify: Callable[[Scope], Request] = request_of,
        bypass: Collection[str] = BYPASS,
        refused: OnRefusal = unheard,
    ) -> None:
        self._app, self._pipeline = app, pipeline
        self._identify, self._bypass, self._refused = identify, bypass, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._bypass:
            return await self._app(scope, receive, send)
        request = self._identify(scope)
        answer = _Answer(send, keep=bool(request.token))

        async def serve(request: Request) -> Outcome:
            EFFORT.set(request.effort)
            await self._app(scope, receive, answer.send)
            return answer.outcome()

        outcome = await self._pipeline.outcome(serve, request=request)
        if outcome.error is not None:
            raise outcome.error
        if not answer.begun:
            await self._without_app(outcome, send)
        return None

    async def _without_app(self, outcome: Outcome, send: Send) -> None:
        """A remembered answer, or a refusal."""
        if outcome.value is None:
            self._refused(outcome)
        for message in outcome.value or refusal(outcome):
            await send(dict(message))


class _Answer:
    """Passes the application's messages on, and keeps them if they may be wanted again."""

    def __init__(self, send: Send, *, keep: bool) -> None:
        self._send, self._keep = send, keep
        self._status = 500
        self._messages: list[Message] = []
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        if message["type"] == "http.response.start":
            self._status = message["status"]
        if self._keep:
            self._messages.append(message)
        await self._send(message)

    def outcome(self) -> Outcome:
        return outcome_of(self._status, self._messages or None)


def when_to_come_back(seconds: float | None) -> list[tuple[bytes, bytes]]:
    """Headers that say it in whole s, rounded up, and exactly in ms; none when there is nothing to say."""
    if seconds is None:
        return []
    return [
        (b"retry-after", b"%d" % math.ceil(seconds)),
        (names.RETRY_AFTER_HEADER.encode(), b"%d" % math.ceil(seconds * 1000)),
    ]


def refusal(outcome: Outcome) -> list[Message]:
    """A refusal as ASGI messages."""
    error = {"reason": outcome.reason, "error": "the server protects itself"}
    body = json.dumps(error).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += when_to_come_back(outcome.retry_after)
    return [
        {"type": "http.response.start", "status": status_of(outcome), "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
