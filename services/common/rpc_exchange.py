"""One try to get an answer from one replica over gRPC; a module of its own, because gRPC is a fifth of the memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import grpc
import grpc.aio

from services.common.asgi import OCTETS
from services.common.exchange import Answer, Asked
from services.common.proto import keyvalue_pb2 as pb
from stormlab.drivers.rpc import PUSHBACK
from stormlab.outcome import Ending, Outcome, success

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
            pause = seconds_asked(error.trailing_metadata())
            ending = ending if pause is None else Ending.OVERLOADED
            return Outcome(ending, Answer(status, body, b"application/json"), reason, pause)
        if asked.method == "GET":
            return success(Answer(200, response.value, OCTETS))
        return success(Answer(204, b""))

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


def seconds_asked(metadata: Any) -> float | None:
    """How many s the server asks for before a retry; below 0, no retry, also when it cannot be understood (gRPC A6)."""
    value = next((value for key, value in metadata or () if key == PUSHBACK), None)
    if value is None:
        return None
    try:
        return int(value) / 1000
    except ValueError:
        return -1.0


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
