"""The guards of a service for gRPC: the same counts, bound, faults and emulated capacity that HTTP requests meet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc
import grpc.aio
from opentelemetry.context import Context as TraceContext
from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from services.common.asgi import Scope
from services.common.capacity import Capacity, Purged, QueueFull, WaitedTooLong
from services.common.faults import FaultKind, Faults
from services.common.flags import CURRENT
from services.common.metrics import RequestCounts
from stormlab.drivers.rpc import pushback
from stormlab.drivers.server import EFFORT, effort_of
from stormlab.telemetry import names
from stormlab.telemetry.tracing import Tracing, exemplar

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
_EMPTY = TraceContext()
_TRACE_CONTEXT = ("traceparent", "tracestate")


class RpcRefused(Exception):
    """The call ends with ``code``, a message, and perhaps after how many s to come back."""

    def __init__(self, code: grpc.StatusCode, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after


@dataclass(slots=True, kw_only=True)
class RpcGuard:
    """Wraps the unary methods of a service.

    Args:
        limit: calls under way; more are refused.
    """

    counts: RequestCounts | None
    faults: Faults
    capacity: Capacity
    tracing: Tracing
    limit: int
    under_way: int = 0

    def wrap(self, route: str, behaviour: Behaviour) -> Behaviour:
        """``behaviour`` behind the guards; it ends a call by raising `RpcRefused`.

        A caller that leaves does not stop the work: it is done all the same, as over HTTP.
        """

        async def guarded(request: Any, context: Context) -> Any:
            start, status = time.monotonic(), grpc.StatusCode.CANCELLED
            CURRENT.set(scope_of(context))
            span = self._enter(route, context)
            token = attach(set_span_in_context(span, _EMPTY))
            try:
                work = asyncio.ensure_future(self._work(route, behaviour, request, context, start))
                result = await asyncio.shield(work)
                status = grpc.StatusCode.OK
            except RpcRefused as refusal:
                status = refusal.code
                await context.abort(refusal.code, str(refusal), pushback(refusal.retry_after))
            except Exception:
                status = grpc.StatusCode.INTERNAL
                raise
            finally:
                detach(token)
                self._leave(span, route, status, time.monotonic() - start)
            return result

        return guarded

    def _enter(self, route: str, context: Context) -> Span:
        """The span of one call, below the caller's when its metadata carry a trace context."""
        given = {key: str(value) for key, value in context.invocation_metadata() or () if key in _TRACE_CONTEXT}
        return self.tracing.entry(
            route.removeprefix("/"),
            traceparent=given.get("traceparent"),
            tracestate=given.get("tracestate"),
            attributes={names.ATTRIBUTE_RPC: route},
        )

    def _leave(self, span: Span, route: str, status: grpc.StatusCode, seconds: float) -> None:
        if self.counts is not None:
            self.counts.count(route, "RPC", status.name, seconds, exemplar=exemplar(span))
        if span.is_recording():
            if self.faults.active:
                span.set_attribute(names.ATTRIBUTE_FAULTS, list(self.faults.active))
            span.set_attribute(names.ATTRIBUTE_RPC_STATUS, status.value[0])
            if status is not grpc.StatusCode.OK:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

    async def _work(self, route: str, behaviour: Behaviour, request: Any, context: Context, start: float) -> Any:
        left = context.time_remaining()
        self.capacity.arrivals += 1
        if self.under_way >= self.limit:
            raise RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "too-many-requests")
        self.under_way += 1
        try:
            await self._strike(route)
            at = await self.capacity.serve(effort=EFFORT.get(_asked(context)))
            try:
                return await behaviour(request, context)
            finally:
                self.capacity.completed(at, deadline=None if left is None else start + left)
        except QueueFull as error:
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            raise RpcRefused(code, str(error), retry_after=error.retry_after) from error
        except WaitedTooLong as error:
            code = grpc.StatusCode.UNAVAILABLE
            raise RpcRefused(code, str(error), retry_after=error.retry_after) from error
        except Purged as error:
            raise RpcRefused(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        finally:
            self.under_way -= 1

    async def _strike(self, route: str) -> None:
        struck = self.faults.struck(route=route, method="RPC") if self.faults.active else []
        if delay := sum(spec.delay for spec in struck):
            await asyncio.sleep(delay)
        if any(spec.kind is FaultKind.ERROR for spec in struck):
            raise RpcRefused(grpc.StatusCode.UNAVAILABLE, "fault-injected")


def _asked(context: Context) -> float:
    """The effort that the caller asks for, where no guard has a say in it."""
    given = dict(context.invocation_metadata() or ()).get(names.EFFORT_HEADER, "1")
    return effort_of(str(given))


def scope_of(context: Context) -> Scope:
    """A call over gRPC as what the HTTP side knows of a request: the peer, and metadata as headers."""
    pairs = context.invocation_metadata() or ()
    headers = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in pairs]
    kind, _, peer = unquote(context.peer()).partition(":")
    address, _, port = peer.rpartition(":")
    known = kind in ("ipv4", "ipv6") and port.isdigit()
    return {"type": "rpc", "headers": headers, "client": (address.strip("[]"), int(port)) if known else None}
