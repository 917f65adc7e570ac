"""Spans around requests: joined up with metrics and logs, and sent out at the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import httpx
import pytest
import structlog
import structlog.testing
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry

from services.common.asgi import App, Receive, Scope, Send, answer
from services.common.metrics import RequestCounts, RequestMetrics, metrics_page
from services.common.proto import keyvalue_pb2 as pb
from services.common.proto.keyvalue_pb2_grpc import KeyValueStub
from services.common.tracing import ServerSpans, with_trace_ids
from stormlab.telemetry import names
from stormlab.telemetry.tracing import Tracing
from tests.services.collector import collecting
from tests.services.kv.running import Running

OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


async def logging_app(scope: Scope, receive: Receive, send: Send) -> None:
    structlog.get_logger().info("inside")
    await answer(send, 503 if scope["path"] == "/broken" else 200, b"ok")


def traced(app: App, *, ratio: float) -> tuple[App, App, InMemorySpanExporter]:
    """``app`` with its spans and counts; its scrape page; where its spans are kept."""
    kept, provider, registry = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False), CollectorRegistry()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    spans = ServerSpans(app, Tracing(provider, ratio=ratio))
    counts = RequestCounts(service="kv", registry=registry)
    return RequestMetrics(spans, counts, route_of=lambda scope: "/v1/{key}"), metrics_page(registry), kept


def get(app: App, path: str, **headers: str) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kv") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(once())


def test_a_recorded_request_is_joined_up_with_metrics_and_logs() -> None:
    app, page, kept = traced(logging_app, ratio=1.0)
    with structlog.testing.capture_logs(processors=[with_trace_ids]) as lines:
        get(app, "/v1/k")
    (span,) = kept.get_finished_spans()
    assert span.context is not None
    trace = format(span.context.trace_id, "032x")
    assert span.name == "GET /v1/{key}"
    assert dict(span.attributes or {}) == {
        names.ATTRIBUTE_METHOD: "GET",
        names.ATTRIBUTE_ROUTE: "/v1/{key}",
        names.ATTRIBUTE_STATUS: 200,
    }
    assert [(line["event"], line["trace_id"]) for line in lines] == [("inside", trace)]
    text = get(page, "/metrics", **OPENMETRICS).text
    with_exemplar = [line.split("{")[0] for line in text.splitlines() if f'trace_id="{trace}"' in line]
    assert with_exemplar == [names.REQUESTS, names.REQUEST_SECONDS + "_bucket"]


def test_the_classic_page_has_no_exemplars() -> None:
    app, page, _ = traced(logging_app, ratio=1.0)
    get(app, "/v1/k")
    answered = get(page, "/metrics")
    assert "trace_id" not in answered.text
    assert answered.headers["content-type"].startswith("text/plain")


def test_a_failing_answer_is_a_failed_span() -> None:
    app, _, kept = traced(logging_app, ratio=1.0)
    get(app, "/broken")
    (span,) = kept.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR


def test_an_unrecorded_request_has_ids_in_its_logs_only() -> None:
    app, page, kept = traced(logging_app, ratio=0.0)
    with structlog.testing.capture_logs(processors=[with_trace_ids]) as lines:
        get(app, "/v1/k")
    assert kept.get_finished_spans() == ()
    assert [len(line["trace_id"]) for line in lines] == [32]
    assert "trace_id" not in get(page, "/metrics", **OPENMETRICS).text


@pytest.mark.live
def test_what_was_recorded_is_sent_before_the_process_ends(tmp_path: Path) -> None:
    with collecting() as collector:
        kv = Running(tmp_path / "kv.log", otel_exporter_otlp_endpoint=collector.endpoint, otel_traces_sampler_arg="1")
        try:
            parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            httpx.put(kv.public + "/v1/k", content=b"v", headers={"traceparent": parent})
            assert kv.stop() == 0
        finally:
            kv.end()
    (span,) = collector.spans
    assert (span.service, span.name) == ("kv", "PUT /v1/{key}")
    assert (span.trace, span.parent) == tuple(parent.split("-")[1:3])
    assert span.attributes[names.ATTRIBUTE_STATUS] == 201


@pytest.mark.live
def test_a_call_over_grpc_joins_its_trace_and_names_its_caller(tmp_path: Path) -> None:
    rules = '{"use-new-storage": {"users": ["ann"]}}'
    with collecting() as collector:
        kv = Running(
            tmp_path / "kv.log",
            frontend_type="rest,grpc",
            otel_exporter_otlp_endpoint=collector.endpoint,
            flag_rules=rules,
        )
        try:
            trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
            with grpc.insecure_channel(kv.addresses["grpc"]) as channel:
                stub, joined = KeyValueStub(channel), ("traceparent", f"00-{trace}-{parent}-01")
                stub.Put(pb.PutRequest(key="k", value=b"v"), metadata=[("traceparent", f"00-{trace}-{parent}-00")])
                stub.Get(pb.GetRequest(key="k"), metadata=[joined, ("x-stormlab-user", "ann")])
            page = httpx.get(kv.public + "/metrics", headers=OPENMETRICS).text
            assert kv.stop() == 0
        finally:
            kv.end()
    (span,) = collector.spans
    assert (span.service, span.name) == ("kv", "stormlab.kv.v1.KeyValue/Get")
    assert (span.trace, span.parent) == (trace, parent)
    assert span.attributes[names.ATTRIBUTE_RPC_STATUS] == 0
    assert 'stormlab_storage_reads_total{service="kv",storage="new"} 1.0' in page
    assert f'trace_id="{trace}"' in page
