"""Small ASGI pieces: whole answers, bodies read in advance, and a bound on requests under way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

#: The content type of raw bytes.
OCTETS = b"application/octet-stream"
#: Methods whose body is part of the request.
_WITH_BODY = frozenset({"PUT", "POST", "PATCH"})


async def answer(
    send: Send,
    status: int,
    body: bytes = b"",
    *,
    content_type: bytes | None = None,
    headers: Iterable[Header] = (),
) -> None:
    """Sends one whole response; an empty body has a content type only when it is given."""
    fields = list(headers)
    if body or content_type is not None:
        fields.append((b"content-type", content_type or OCTETS))
    if status != 204:
        fields.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, status: int, value: object, *, headers: Iterable[Header] = ()) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    await answer(send, status, body, content_type=b"application/json", headers=headers)


async def refuse(send: Send, status: int, reason: str, message: str, *, headers: Iterable[Header] = ()) -> None:
    """An error as JSON: ``reason`` for machines, ``error`` for people."""
    await answer_json(send, status, {"reason": reason, "error": message}, headers=headers)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of the header ``name`` (lower case)."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


class BodyFirst:
    """Reads the whole body before the inner application starts, so that it is there even if the caller leaves.

    Args:
        limit: bytes; a longer body is answered with 413.
        seconds: a body that takes longer is answered with 408.
    """

    def __init__(self, app: App, *, limit: int, seconds: float) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            return await self._app(scope, receive, send)
        if _announced(scope) > self._limit:
            return await self._too_large(send)
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except TimeoutError:
            return await refuse(
                send, 408, "slow-body", f"the body took longer than {self._seconds:g} s", headers=_CLOSE
            )
        if body is None:
            return None
        if len(body) > self._limit:
            return await self._too_large(send)
        return await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, cut off soon after the limit; ``None`` when the caller left in the middle of it."""
        chunks, size, more = [], 0, True
        while more and size <= self._limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _too_large(self, send: Send) -> None:
        await refuse(send, 413, "too-large", f"the body is longer than {self._limit} bytes", headers=_CLOSE)


_CLOSE: tuple[Header, ...] = ((b"connection", b"close"),)


def _announced(scope: Scope) -> int:
    length = header(scope, b"content-length")
    return int(length) if length is not None and length.isdigit() else 0


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class Bulkhead:
    """At most ``limit`` requests under way in the inner application; the rest get 503 at once."""

    def __init__(self, app: App, *, limit: int) -> None:
        self._app, self._limit = app, limit
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.under_way >= self._limit:
            return await refuse(send, 503, "too-many-requests", f"{self._limit} requests are under way already")
        self.under_way += 1
        try:
            return await self._app(scope, receive, send)
        finally:
            self.under_way -= 1
