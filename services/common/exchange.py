"""One try to get an answer from one replica over HTTP, and what the answer means to the policies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from stormlab.outcome import Ending, Outcome, failure, success
from stormlab.telemetry import names

#: The reason of a 409 that says: another transaction was faster, try again.
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants: ``path`` as it came, still encoded, with its query; ``key`` for key routes."""

    method: str
    path: str
    key: bytes = b""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a replica said; header values are empty when they are absent."""

    status: int
    body: bytes
    content_type: bytes = b""
    retry_after: bytes = b""


class Exchange(Protocol):
    """Tries once and never again by itself: attempts are counted where they are made."""

    async def __call__(
        self, address: str, asked: Asked, headers: Mapping[str, str], seconds: float | None
    ) -> Outcome: ...

    async def close(self) -> None: ...


class HttpExchange:
    """HTTP/1.1 over a bounded pool of connections to each replica.

    Args:
        connections: to one replica at the same time.
        largest: bytes of an answer; a longer one is a failure.
    """

    def __init__(self, *, connections: int, largest: int) -> None:
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=connections, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
        )
        # aiohttp repeats idempotent requests on stale connections unless this is off; there is no public switch.
        self._session._retry_connection = False
        self._largest = largest

    async def __call__(self, address: str, asked: Asked, headers: Mapping[str, str], seconds: float | None) -> Outcome:
        url = URL(f"http://{address}{asked.path}", encoded=True)
        body = asked.body if asked.method in ("PUT", "POST") else None
        try:
            async with self._session.request(
                asked.method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await self._read(response)
        except aiohttp.ClientConnectorError as error:
            return failure("connection-refused", error)
        except (aiohttp.ClientError, OSError) as error:
            return failure("connection-lost", error)
        if content is None:
            return failure("answer-too-long")
        return judged(
            Answer(response.status, content, _of(response, "Content-Type"), _of(response, "Retry-After")),
            exactly=_of(response, names.RETRY_AFTER_HEADER),
        )

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._largest:
                response.close()
                return None
        return b"".join(chunks)

    async def close(self) -> None:
        await self._session.close()


class Distant:
    """An ``inner`` exchange whose way takes ``seconds`` longer, half of it there and half of it back."""

    def __init__(self, inner: Exchange, seconds: float) -> None:
        self._inner, self._half = inner, seconds / 2

    async def __call__(self, address: str, asked: Asked, headers: Mapping[str, str], seconds: float | None) -> Outcome:
        await asyncio.sleep(self._half)
        outcome = await self._inner(address, asked, headers, seconds)
        await asyncio.sleep(self._half)
        return outcome

    async def close(self) -> None:
        await self._inner.close()


def _of(response: aiohttp.ClientResponse, name: str) -> bytes:
    return response.headers.get(name, "").encode("latin-1", "replace")


def judged(answer: Answer, *, exactly: bytes = b"") -> Outcome:
    """What an HTTP answer means; failures keep it as their value, so that it can be passed on.

    Args:
        exactly: when to come back, in ms, where the server tells that.
    """
    if answer.status < 400:
        return success(answer)
    if answer.status in (429, 503):
        wait = _seconds(exactly, unit=0.001) if exactly else _seconds(answer.retry_after)
        return Outcome(Ending.OVERLOADED, answer, _reason(answer.body), wait)
    if answer.status == 409 and _reason(answer.body) == CONFLICT:
        return Outcome(Ending.ERROR, answer, CONFLICT)
    if answer.status == 504:
        return Outcome(Ending.TIMEOUT, answer, "upstream-timeout")
    ending = Ending.ERROR if answer.status >= 500 else Ending.INVALID
    return Outcome(ending, answer, f"http-{answer.status}")


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])[:100]
    except (ValueError, TypeError, KeyError):
        return "overloaded"


def _seconds(value: bytes, *, unit: float = 1.0) -> float | None:
    return min(float(value) * unit, 3600.0) if value.isdigit() else None
