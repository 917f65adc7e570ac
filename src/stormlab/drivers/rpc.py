"""Policies as a gRPC server interceptor for unary methods; needs grpcio."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio

from stormlab.drivers.aio import Pipeline
from stormlab.drivers.server import EFFORT, OnRefusal, effort_of, priority_of, unheard
from stormlab.effects import Request
from stormlab.outcome import Outcome
from stormlab.policies.caller_throttle import THROTTLED
from stormlab.policies.idempotency import IN_PROGRESS
from stormlab.telemetry import names

#: Services that pass no guard.
BYPASS = ("/grpc.health.", "/grpc.reflection.")
#: How long clients are asked to wait, in ms; gRPC A6.
PUSHBACK = "grpc-retry-pushback-ms"

_CODES = {THROTTLED: grpc.StatusCode.RESOURCE_EXHAUSTED, IN_PROGRESS: grpc.StatusCode.ABORTED}


def code_of(refusal: Outcome) -> grpc.StatusCode:
    """Asking too often is ``RESOURCE_EXHAUSTED``, a copy of what is under way ``ABORTED``, the rest ``UNAVAILABLE``."""
    return _CODES.get(refusal.reason, grpc.StatusCode.UNAVAILABLE)


def request_of(method: str, metadata: Mapping[str, str], peer: str) -> Request:
    """Caller, priority and idempotency key from the metadata; without a caller's name, the address of its machine."""
    return Request(
        caller=metadata.get(names.CALLER_HEADER) or peer.rpartition(":")[0],
        priority=priority_of(metadata.get(names.PRIORITY_HEADER, "")),
        key=method,
        token=metadata.get(names.IDEMPOTENCY_HEADER, ""),
        effort=effort_of(metadata.get(names.EFFORT_HEADER, "1")),
    )


class RpcGuardInterceptor(grpc.aio.ServerInterceptor):
    """Every unary method behind the policies of ``pipeline``; ``refused`` hears of every refusal."""

    def __init__(self, pipeline: Pipeline, *, refused: OnRefusal = unheard) -> None:
        self._pipeline, self._refused = pipeline, refused

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler, method = await continuation(handler_call_details), str(handler_call_details.method)
        if handler is None or handler.unary_unary is None or method.startswith(BYPASS):
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._guarded(method, handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

    def _guarded(self, method: str, behaviour: Any) -> Any:
        async def guarded(message: Any, context: Any) -> Any:
            async def serve(request: Request) -> Any:
                EFFORT.set(request.effort)
                return await behaviour(message, context)

            metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            outcome = await self._pipeline.outcome(serve, request=request_of(method, metadata, context.peer()))
            if outcome.error is not None:
                raise outcome.error
            if not outcome.ok:
                self._refused(outcome)
                await _abort(context, outcome)
            return outcome.value

        return guarded


async def _abort(context: Any, refusal: Outcome) -> None:
    await context.abort(code_of(refusal), refusal.reason, pushback(refusal.retry_after))


def pushback(seconds: float | None) -> tuple[tuple[str, str], ...]:
    """Trailing metadata that say when to come back; none when there is nothing to say."""
    return () if seconds is None else ((PUSHBACK, str(math.ceil(seconds * 1000))),)
