"""One try to get an answer from one replica, over HTTP or gRPC, and what the answer means to the policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import aiohttp
import grpc
import grpc.aio
from yarl import URL

from services.common.asgi import OCTETS
from services.common.proto import keyvalue_pb2 as pb
from stormlab.outcome import Ending, Outcome, failure, success


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


def _of(response: aiohttp.ClientResponse, name: str) -> bytes:
    return response.headers.get(name, "").encode("latin-1", "replace")


def judged(answer: Answer) -> Outcome:
    """What an HTTP answer means; failures keep it as their value, so that it can be passed on."""
    if answer.status < 400:
        return success(answer)
    if answer.status in (429, 503):
        return Outcome(Ending.OVERLOADED, answer, _reason(answer.body), _seconds(answer.retry_after))
    if answer.status == 504:
        return Outcome(Ending.TIMEOUT, answer, "upstream-timeout")
    ending = Ending.ERROR if answer.status >= 500 else Ending.INVALID
    return Outcome(ending, answer, f"http-{answer.status}")


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])[:100]
    except (ValueError, TypeError, KeyError):
        return "overloaded"


def _seconds(value: bytes) -> float | None:
    return min(float(value), 3600.0) if value.isdigit() else None


_ENDINGS = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Ending.OVERLOADED, 503),
    grpc.StatusCode.DEADLINE_EXCEEDED: (Ending.TIMEOUT, 504),
    grpc.StatusCode.NOT_FOUND: (Ending.INVALID, 404),
    grpc.StatusCode.INVALID_ARGUMENT: (Ending.INVALID, 400),
    grpc.StatusCode.UNAVAILABLE: (Ending.ERROR, 503),
}


class RpcExchange:
    """The key routes over gRPC, a channel to each replica; deadlines travel as gRPC deadlines.

    A channel reconnects by itself and repeats nothing: transparent retries are switched off.
    """

    def __init__(self, replicas: Sequence[str], *, largest: int) -> None:
        options: list[tuple[str, Any]] = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", largest)]
        options += [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
        self._channels = {address: grpc.aio.insecure_channel(address, options=options) for address in replicas}
        self._methods = {address: _methods(channel) for address, channel in self._channels.items()}

    async def __call__(self, address: str, asked: Asked, headers: Mapping[str, str], seconds: float | None) -> Outcome:
        call, request = self._methods[address][asked.method], _request(asked)
        try:
            response = await call(request, timeout=seconds, metadata=tuple(headers.items()))
        except grpc.aio.AioRpcError as error:
            ending, status = _ENDINGS.get(error.code(), (Ending.ERROR, 502))
            reason = error.code().name.lower().replace("_", "-")
            body = json.dumps({"reason": reason, "error": error.details() or reason}).encode()
            return Outcome(ending, Answer(status, body, b"application/json"), reason)
        if asked.method == "GET":
            return success(Answer(200, response.value, OCTETS))
        return success(Answer(204, b""))

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


def _methods(channel: grpc.aio.Channel) -> dict[str, Any]:
    service = pb.DESCRIPTOR.services_by_name["KeyValue"].full_name
    kinds: dict[str, tuple[str, Any]] = {
        "GET": ("Get", pb.GetResponse),
        "PUT": ("Put", pb.PutResponse),
        "DELETE": ("Delete", pb.DeleteResponse),
    }
    return {
        method: channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        for method, (name, response) in kinds.items()
    }


def _request(asked: Asked) -> Any:
    key = unquote_to_bytes(asked.key).decode()
    if asked.method == "GET":
        return pb.GetRequest(key=key)
    return pb.PutRequest(key=key, value=asked.body) if asked.method == "PUT" else pb.DeleteRequest(key=key)
