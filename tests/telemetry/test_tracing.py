"""Traces: which exporters are chosen, what is recorded, and the context that is passed on."""

from __future__ import annotations

import importlib.util
from random import Random

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from stormlab.errors import BadInput
from stormlab.telemetry.tracing import (
    Exporter,
    Tracing,
    chosen,
    exemplar,
    propagate,
    start_tracing,
    trace_ids,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def recording(ratio: float) -> tuple[Tracing, InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Tracing(provider, ratio=ratio, random=Random(1)), kept


@pytest.mark.parametrize(
    ("names", "environment", "exporters"),
    [
        ("", {}, ()),
        ("", ENDPOINT, (Exporter.OTLP,)),
        ("none", ENDPOINT, ()),
        ("otlp", {}, (Exporter.OTLP,)),
        ("console, otlp,console", {}, (Exporter.CONSOLE, Exporter.OTLP)),
        ("jaeger", {}, (Exporter.JAEGER,)),
        ("otlp", {"OTEL_SDK_DISABLED": "true"}, ()),
    ],
)
def test_the_choice_of_exporters(names: str, environment: dict[str, str], exporters: tuple[Exporter, ...]) -> None:
    assert chosen(names, environment) == exporters


@pytest.mark.parametrize("names", ["zipkin", "none,otlp"])
def test_a_choice_that_cannot_be_used_names_the_variable_and_the_words(names: str) -> None:
    with pytest.raises(BadInput, match=r"OTEL_TRACES_EXPORTER.*console, otlp, jaeger"):
        chosen(names, {})


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.exporter.jaeger") is not None, reason="the retired exporter is installed"
)
def test_the_retired_exporter_says_what_it_needs() -> None:
    with pytest.raises(BadInput, match=r"jaeger cannot be used .* environment of its own .* takes otlp"):
        start_tracing("kv", exporters=[Exporter.JAEGER])


def test_a_share_of_the_traces_is_recorded() -> None:
    tracing, kept = recording(0.1)
    for _ in range(2000):
        tracing.entry("GET").end()
    assert 140 < len(kept.get_finished_spans()) < 260


@pytest.mark.parametrize(("flags", "ratio", "recorded"), [("01", 0.0, 1), ("00", 1.0, 0)])
def test_who_began_the_trace_decides_for_all(flags: str, ratio: float, recorded: int) -> None:
    tracing, kept = recording(ratio)
    entry = tracing.entry("GET", traceparent=f"00-{TRACE}-{SPAN}-{flags}", tracestate="vendor=1")
    child = tracing.child("call", entry)
    headers: dict[str, str] = {}
    propagate(child, headers)
    child.end()
    entry.end()
    assert len(kept.get_finished_spans()) == 2 * recorded
    assert headers["tracestate"] == "vendor=1"
    version, trace, span, passed_on = headers["traceparent"].split("-")
    assert (version, trace, int(passed_on, 16) & 1) == ("00", TRACE, int(flags))
    assert span not in (SPAN, "0" * 16)


def test_parents_and_children_form_one_trace() -> None:
    tracing, kept = recording(1.0)
    entry = tracing.entry("GET", traceparent=f"00-{TRACE}-{SPAN}-01")
    child = tracing.child("call", entry)
    child.end()
    entry.end()
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert {format(span.context.trace_id, "032x") for span in spans.values() if span.context} == {TRACE}
    parents = {name: format(span.parent.span_id, "016x") if span.parent else "" for name, span in spans.items()}
    assert parents == {"GET": SPAN, "call": trace_ids(entry)["span_id"]}


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", "é" * 55])
def test_a_trace_context_that_is_none_begins_a_new_trace(traceparent: str) -> None:
    tracing, kept = recording(1.0)
    tracing.entry("GET", traceparent=traceparent).end()
    (span,) = kept.get_finished_spans()
    assert span.parent is None


def test_without_a_recorded_trace_there_are_ids_but_no_exemplar() -> None:
    tracing, _ = recording(0.0)
    span = tracing.entry("GET")
    assert set(trace_ids(span)) == {"trace_id", "span_id"}
    assert exemplar(span) is None


def test_a_recorded_trace_gives_an_exemplar() -> None:
    tracing, _ = recording(1.0)
    span = tracing.entry("GET")
    assert exemplar(span) == trace_ids(span)


def test_without_exporters_context_is_passed_on_as_it_came() -> None:
    tracing = start_tracing("kv", exporters=())
    headers: dict[str, str] = {}
    propagate(tracing.entry("GET"), headers)
    assert headers == {}
    propagate(tracing.entry("GET", traceparent=f"00-{TRACE}-{SPAN}-01"), headers)
    assert headers["traceparent"] == f"00-{TRACE}-{SPAN}-01"


def test_outside_of_a_request_there_are_no_ids() -> None:
    assert trace_ids() == {}
