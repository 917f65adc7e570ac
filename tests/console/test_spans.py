"""The span store against the exporter of the OpenTelemetry SDK: what goes in as OTLP comes out as Jaeger shows it."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stormlab.console.clock import Moment, span_of
from stormlab.console.spans import SpanStore


def exported(service: str, names: list[str]) -> tuple[bytes, str]:
    """One trace of nested spans, as the SDK sends it, and its id."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")

    def nested(rest: list[str]) -> None:
        if rest:
            with tracer.start_as_current_span(rest[0], attributes={"n": len(rest)}):
                nested(rest[1:])

    nested(names)
    spans = memory.get_finished_spans()
    context = spans[0].context
    assert context is not None
    return encode_spans(spans).SerializeToString(), f"{context.trace_id:032x}"


def test_a_trace_keeps_its_shape() -> None:
    store = SpanStore()
    body, trace_id = exported("kv", ["outer", "inner"])
    store.take(body)
    found = store.trace(trace_id)
    assert found is not None
    outer, inner = found["spans"]
    assert (outer["operationName"], outer["references"]) == ("outer", [])
    assert [one["spanID"] for one in inner["references"]] == [outer["spanID"]]
    assert found["processes"] == {"p1": {"serviceName": "kv", "tags": []}}
    assert {"key": "n", "type": "string", "value": 1} in inner["tags"]
    assert outer["duration"] >= inner["duration"] >= 0


def test_the_oldest_trace_makes_room() -> None:
    store = SpanStore(capacity=2)
    ids = []
    for name in "abc":
        body, trace_id = exported(name, [name])
        store.take(body)
        ids.append(trace_id)
    assert store.trace(ids[0]) is None
    assert [one["traceID"] for one in store.find(None, 10)] == [ids[2], ids[1]]
    assert store.services() == ["b", "c"]


def test_traces_are_found_by_service() -> None:
    store = SpanStore()
    for name in ("a", "b", "a"):
        store.take(exported(name, [name])[0])
    assert len(store.find("a", 10)) == 2 and len(store.find("a", 1)) == 1 and store.find("c", 1) == []


def test_what_is_no_otlp_is_refused() -> None:
    with pytest.raises(ValueError, match="no OTLP"):
        SpanStore().take(b"\xff\xff")


def test_a_fault_is_a_span_event() -> None:
    store = SpanStore()
    store.take(span_of(Moment(fault="spike", kind="load-spike", target="web", phase="begin", at=12.5)))
    (trace,) = store.find("stormlab-faults", 1)
    (span,) = trace["spans"]
    assert span["startTime"] == 12_500_000
    assert span["logs"][0]["fields"][0]["value"] == "load-spike on web: begin"
