"""Traces: spans made by hand, exporters chosen by name, W3C trace context in and out.

Whether a trace is recorded is drawn once, at its root, and carried along, so that a trace is whole or absent (parent-
based sampling). Asking the SDK costs about 20 µs even for a span that it then drops; here a request outside of the
sample costs two random numbers, and still has ids to be passed on and to be found by in logs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from stormlab.errors import BadInput

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

#: Share of the traces that are recorded when nobody says otherwise.
RATIO = 0.1
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EMPTY = Context()
_W3C = TraceContextTextMapPropagator()


class Exporter(StrEnum):
    """Where recorded spans go, in the words of ``OTEL_TRACES_EXPORTER``."""

    CONSOLE = "console"
    OTLP = "otlp"
    JAEGER = "jaeger"


_CLASSES = {
    Exporter.CONSOLE: ("opentelemetry.sdk.trace.export", "ConsoleSpanExporter"),
    Exporter.OTLP: ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    Exporter.JAEGER: ("opentelemetry.exporter.jaeger.thrift", "JaegerExporter"),
}
_REMEDIES = {
    Exporter.CONSOLE: "install the extra telemetry",
    Exporter.OTLP: "install the extra telemetry",
    Exporter.JAEGER: "this retired exporter needs an environment of its own with what tools/jaeger-thrift.txt lists "
    "(OpenTelemetry SDK below 1.40); Jaeger itself takes otlp",
}


def chosen(names: str, environment: Mapping[str, str] = os.environ) -> tuple[Exporter, ...]:
    """The exporters that ``names`` says: words separated by commas, or ``none``.

    When it is empty: ``otlp`` if the environment names an endpoint for it, else none. See the OpenTelemetry
    specification, environment variables.

    Raises:
        BadInput: a word is unknown, or ``none`` stands beside others.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    words = [word.strip() for word in names.split(",") if word.strip()]
    if not words:
        return (Exporter.OTLP,) if any(environment.get(name) for name in _ENDPOINTS) else ()
    if words == ["none"]:
        return ()
    try:
        return tuple(dict.fromkeys(Exporter(word) for word in words))
    except ValueError as error:
        known = ", ".join(Exporter)
        raise BadInput(f"OTEL_TRACES_EXPORTER: {names!r}; write none, or some of {known} with commas") from error


def start_tracing(service: str, *, exporters: Sequence[Exporter], ratio: float = RATIO) -> Tracing:
    """Tracing of the process ``service``; without exporters nothing is recorded.

    Args:
        ratio: share of the traces begun here that are recorded, 0 to 1.

    Raises:
        BadInput: an exporter is not installed.
    """
    if not exporters:
        return Tracing(None, ratio=0.0)
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    made = [_exporter(exporter) for exporter in exporters]
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", service)})
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), resource=resource, shutdown_on_exit=False)
    for exporter in made:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, ratio=ratio)


class Tracing:
    """Makes the spans of one process.

    Args:
        provider: records the spans that are sampled; its own sampler must take whatever it is asked for, except
            children of an unsampled parent. ``None`` passes trace context on and begins no traces.
        ratio: share of the traces begun here that are recorded, 0 to 1.
    """

    def __init__(self, provider: TracerProvider | None, *, ratio: float = RATIO, random: Random | None = None) -> None:
        self._provider = provider
        self._tracer: Tracer | None = None if provider is None else provider.get_tracer("stormlab")
        self._ratio = ratio
        self._random = random or Random()

    def entry(
        self,
        name: str,
        *,
        traceparent: str | None = None,
        tracestate: str | None = None,
        kind: SpanKind = SpanKind.SERVER,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Span:
        """The span of a request that comes in with this trace context, or that begins here; the caller ends it."""
        parent = INVALID_SPAN if traceparent is None else _remote(traceparent, tracestate)
        context = parent.get_span_context()
        if self._tracer is None:
            return parent
        recorded = context.trace_flags.sampled if context.is_valid else self._random.random() < self._ratio
        if not recorded:
            return self._unrecorded(context)
        return self._tracer.start_span(name, set_span_in_context(parent, _EMPTY), kind=kind, attributes=attributes)

    def child(
        self,
        name: str,
        parent: Span,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Span:
        """A span below ``parent``; when that is not recorded, ``parent`` itself."""
        if self._tracer is None or not parent.is_recording():
            return parent
        return self._tracer.start_span(name, set_span_in_context(parent, _EMPTY), kind=kind, attributes=attributes)

    def record(self, ratio: float) -> None:
        """From now on ``ratio`` (0 to 1) of the traces begun here are recorded."""
        self._ratio = ratio if self._tracer is not None else 0.0

    def close(self, seconds: float = 3.0) -> None:
        """Sends what has been recorded; blocks for at most ``seconds``, for whoever receives it may be gone."""
        if self._provider is not None:
            closing = threading.Thread(target=self._provider.shutdown, name="close-tracing", daemon=True)
            closing.start()
            closing.join(seconds)

    def _unrecorded(self, parent: SpanContext) -> Span:
        bits = self._random.getrandbits
        trace_id = parent.trace_id or bits(128) or 1
        return NonRecordingSpan(SpanContext(trace_id, bits(64) or 1, is_remote=False, trace_state=parent.trace_state))


def propagate(span: Span, headers: dict[str, str]) -> None:
    """Adds the W3C trace context of ``span`` to ``headers``, if it has one."""
    _W3C.inject(headers, set_span_in_context(span, _EMPTY))


def exemplar(span: Span) -> dict[str, str] | None:
    """Labels that lead from a metric to the trace of ``span``; ``None`` when there is no recorded trace."""
    return trace_ids(span) if span.is_recording() else None


def trace_ids(span: Span | None = None) -> dict[str, str]:
    """``trace_id`` and ``span_id`` as lower-case hex of ``span``, by default the current one; empty outside a trace."""
    context = (get_current_span() if span is None else span).get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _remote(traceparent: str, tracestate: str | None) -> Span:
    carrier = {"traceparent": traceparent} | ({} if tracestate is None else {"tracestate": tracestate})
    return get_current_span(_W3C.extract(carrier, _EMPTY))


def _exporter(kind: Exporter) -> SpanExporter:
    module, name = _CLASSES[kind]
    try:
        made = getattr(import_module(module), name)
    except ImportError as error:
        raise BadInput(f"OTEL_TRACES_EXPORTER: {kind} cannot be used ({error}): {_REMEDIES[kind]}") from error
    exporter: SpanExporter = made(formatter=_one_line) if kind is Exporter.CONSOLE else made()
    return exporter


def _one_line(span: Any) -> str:
    return span.to_json(indent=None) + os.linesep  # type: ignore[no-any-return]
