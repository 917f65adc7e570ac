"""How one attempt is made: over HTTP on connections of our own, or over gRPC on a channel, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from loadtests.answers import exchange
from loadtests.asks import Ask
from loadtests.connections import Connections
from stormlab.errors import BadInput
from stormlab.outcome import SUCCESS, Ending, Outcome, failure

_SERVICE = "/stormlab.kv.v1.KeyValue/"
#: The same meanings as in the gateway; anything else is a failure of the callee.
_ENDINGS = {
    "RESOURCE_EXHAUSTED": Ending.OVERLOADED,
    "DEADLINE_EXCEEDED": Ending.TIMEOUT,
    "NOT_FOUND": Ending.INVALID,
    "INVALID_ARGUMENT": Ending.INVALID,
}
_PUSHBACK = "grpc-retry-pushback-ms"


class Transport(Protocol):
    """Where attempts go."""

    def exchange(self, ask: Ask, headers: Mapping[str, str]) -> Outcome:
        """One attempt; when the greenlet is cut off, so is the exchange."""
        ...


class Http:
    """A service at ``url``, ``http://host:port``.

    Raises:
        BadInput: it is no such address, or its host is not known.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
            raise BadInput(f"{url!r} is no address that can be loaded; write http://host:port")
        try:
            self._connections = Connections(url)
        except OSError as error:
            raise BadInput(f"{url}: {error}") from None

    def exchange(self, ask: Ask, headers: Mapping[str, str]) -> Outcome:
        return exchange(self._connections, ask.method, ask.target, headers, ask.body)


class Grpc:
    """The gRPC front end of a key-value service at ``host:port``.

    Its messages have one or two fields of bytes, so that they are written and left unread here: field 1 is the key,
    field 2 the value, each a tag, a length and the bytes (protobuf.dev, "Encoding").
    """

    def __init__(self, target: str) -> None:
        grpc = _grpc_on_gevent()
        self._failed = grpc.RpcError
        options = [("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 1000)]
        channel = grpc.insecure_channel(target.removeprefix("http://"), options=options)
        self._methods = {verb: channel.unary_unary(_SERVICE + name) for verb, name in (("GET", "Get"), ("PUT", "Put"))}

    def exchange(self, ask: Ask, headers: Mapping[str, str]) -> Outcome:
        message = _field(1, ask.target.encode()) + (_field(2, ask.body) if ask.method == "PUT" else b"")
        call = self._methods[ask.method].future(message, metadata=tuple(headers.items()))
        try:
            call.result()
            return SUCCESS
        except self._failed as error:
            return _outcome_of(error)
        except BaseException:
            call.cancel()
            raise


def _field(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def _outcome_of(error: Any) -> Outcome:
    name = error.code().name
    ending = _ENDINGS.get(name)
    if ending is None:
        return failure(f"grpc-{name.lower()}")
    pushback = dict(error.trailing_metadata() or ()).get(_PUSHBACK, "")
    return Outcome(ending, None, f"grpc-{name.lower()}", int(pushback) / 1000 if str(pushback).isdecimal() else None)


@cache
def _grpc_on_gevent() -> Any:
    """gRPC whose waits let other greenlets run; not before it is needed, as a process that forks must not have it."""
    import grpc
    from grpc.experimental import gevent

    gevent.init_gevent()
    return grpc
