"""The latest spans in memory: taken over OTLP/HTTP, given in the words of Jaeger's query API.

OTLP: github.com/open-telemetry/opentelemetry-proto, ``ExportTraceServiceRequest`` as protobuf. Jaeger's JSON:
``{"data": [{"traceID", "spans": [{"spanID", "operationName", "references", "startTime" (µs), "duration" (µs), "tags",
"logs", "processID"}], "processes": {id: {"serviceName"}}}]}``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

#: Traces kept; the oldest make room.
CAPACITY = 500


class SpanStore:
    """Traces by their id in order of arrival; ``received`` counts spans."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._traces: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self.received = 0

    def take(self, body: bytes) -> None:
        """Adds what an exporter sent.

        Raises:
            ValueError: that is no ``ExportTraceServiceRequest``.
        """
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError as error:
            raise ValueError(f"no OTLP trace request: {error}") from error
        for resource in request.resource_spans:
            service = _tags(resource.resource.attributes).get("service.name", "unknown")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._add(str(service), span)

    def services(self) -> list[str]:
        return sorted({span["service"] for spans in self._traces.values() for span in spans})

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """One trace as Jaeger shows it; ``None`` when it is not here (any more)."""
        spans = self._traces.get(trace_id)
        return None if spans is None else _jaeger(trace_id, spans)

    def find(self, service: str | None, limit: int) -> list[dict[str, Any]]:
        """The latest traces that ``service`` took part in, newest first."""
        found = []
        for trace_id, spans in reversed(self._traces.items()):
            if service is None or any(span["service"] == service for span in spans):
                found.append(_jaeger(trace_id, spans))
            if len(found) >= limit:
                break
        return found

    def _add(self, service: str, span: Any) -> None:
        spans = self._traces.setdefault(span.trace_id.hex(), [])
        spans.append({"service": service, **_span(span)})
        self.received += 1
        while len(self._traces) > self._capacity:
            self._traces.popitem(last=False)


def _span(span: Any) -> dict[str, Any]:
    parent = span.parent_span_id.hex()
    trace = span.trace_id.hex()
    return {
        "traceID": trace,
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": [{"refType": "CHILD_OF", "traceID": trace, "spanID": parent}] if parent else [],
        "startTime": span.start_time_unix_nano // 1000,
        "duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano) // 1000,
        "tags": [{"key": key, "type": "string", "value": value} for key, value in _tags(span.attributes).items()],
        "logs": [_log(event) for event in span.events],
    }


def _log(event: Any) -> dict[str, Any]:
    field = {"key": "event", "type": "string", "value": event.name}
    return {"timestamp": event.time_unix_nano // 1000, "fields": [field]}


def _jaeger(trace_id: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    services = list(dict.fromkeys(span["service"] for span in spans))
    ids = {service: f"p{index + 1}" for index, service in enumerate(services)}
    shown = [
        {**{key: value for key, value in span.items() if key != "service"}, "processID": ids[span["service"]]}
        for span in sorted(spans, key=lambda span: span["startTime"])
    ]
    return {
        "traceID": trace_id,
        "spans": shown,
        "processes": {ids[service]: {"serviceName": service, "tags": []} for service in services},
    }


def _tags(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}
