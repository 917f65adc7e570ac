"""One span for each request that comes in, the ids of the current trace in every log line, and the exporters' flush."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from services.common.asgi import App, Message, Receive, Scope, Send
from services.common.settings import ServiceSettings
from stormlab.telemetry import names
from stormlab.telemetry.tracing import Tracing, chosen, exemplar, start_tracing, trace_ids

_EMPTY = Context()


def tracing_of(service: str, settings: ServiceSettings) -> Tracing:
    """Tracing as the settings say.

    Raises:
        BadInput: an exporter is unknown or not installed.
    """
    exporters = chosen(settings.otel_traces_exporter) if settings.telemetry == "on" else ()
    return start_tracing(service, exporters=exporters, ratio=settings.otel_traces_sampler_arg)


class ServerSpans:
    """Inside `RequestMetrics`, outside of all guards: a span around each request, as the current one.

    It leaves the span in the scope as ``stormlab.span`` and, when it is recorded, labels for exemplars as
    ``stormlab.exemplar``.
    """

    def __init__(self, app: App, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["stormlab.span"] = span = self._enter(scope)
        token = attach(set_span_in_context(span, _EMPTY))
        try:
            if span.is_recording():
                await self._recorded(span, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            detach(token)

    def _enter(self, scope: Scope) -> Span:
        traceparent = tracestate = None
        for key, value in scope["headers"]:
            if key == b"traceparent":
                traceparent = value.decode("latin-1")
            elif key == b"tracestate":
                tracestate = value.decode("latin-1")
        method, route = scope["method"], scope["stormlab.route"]
        return self._tracing.entry(
            f"{method} {route}",
            traceparent=traceparent,
            tracestate=tracestate,
            attributes={names.ATTRIBUTE_METHOD: method, names.ATTRIBUTE_ROUTE: route},
        )

    async def _recorded(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        scope["stormlab.exemplar"] = exemplar(span)
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            span.set_attribute(names.ATTRIBUTE_STATUS, status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            span.end()


def with_trace_ids(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: adds ``trace_id`` and ``span_id`` of the current trace."""
    event.update(trace_ids())
    return event
