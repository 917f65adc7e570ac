"""Spans arrive in a real Jaeger: from a service over OTLP, and over Thrift from the environment that still can."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.chaos.toxics import Latency
from stormlab.telemetry import names
from tests.chaos.conftest import embedded
from tests.conftest import ROOT, find_program, skip_without
from tests.services.kv.running import Running
from tests.services.running import programs
from tests.telemetry.jaeger import Jaeger, running

pytestmark = [pytest.mark.live, pytest.mark.real]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
DELAY = Latency(latency=0.2)
CALLED_ONCE: dict[str, Any] = {"policies": [{"kind": "timeout", "seconds": 20}], "health": None}
EXPORTING = f"""
from stormlab.telemetry.tracing import Exporter, start_tracing
tracing = start_tracing("thrift", exporters=[Exporter.JAEGER], ratio=1.0)
entry = tracing.entry("outer", traceparent="00-{TRACE}-{PARENT}-01")
tracing.child("inner", entry).end()
entry.end()
tracing.close(seconds=10)
"""


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    binary = find_program("jaeger")
    if binary is None:
        skip_without("jaeger", remedy="run `make real-parts` or put Jaeger 2 on PATH")
    with running(binary, tmp_path_factory.mktemp("jaeger")) as started:
        yield started


@pytest.fixture(scope="module")
def old_python() -> Path:
    """The interpreter whose OpenTelemetry still has the Thrift exporter."""
    python = ROOT / ".tools" / "jaeger-thrift" / "bin" / "python"
    if not python.exists():
        skip_without("the Thrift exporter", remedy="run `make real-parts`")
    return python


def export(python: Path, endpoint: str) -> None:
    surroundings = {"PYTHONPATH": str(ROOT / "src"), "OTEL_EXPORTER_JAEGER_ENDPOINT": endpoint}
    done = subprocess.run(
        [python, "-c", EXPORTING], env=os.environ | surroundings, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_service_exports_over_otlp(jaeger: Jaeger, tmp_path: Path) -> None:
    trace = "1" + TRACE[1:]
    kv = Running(tmp_path / "kv.log", otel_exporter_otlp_endpoint=jaeger.otlp, otel_traces_exporter="otlp,console")
    try:
        httpx.put(kv.public + "/v1/k", content=b"v", headers={"traceparent": f"00-{trace}-{PARENT}-01"})
        assert kv.stop() == 0
    finally:
        kv.end()
    spans = jaeger.spans(trace, count=1)
    assert {name: span["service"] for name, span in spans.items()} == {"PUT /v1/{key}": "kv"}


@pytest.mark.parametrize(("protocol", "front"), [("http", "rest"), ("grpc", "grpc")])
def test_one_trace_spans_gateway_proxy_hop_and_service(
    jaeger: Jaeger, tmp_path: Path, protocol: str, front: str
) -> None:
    """The hop is seen in the attempt: it names the proxy as its peer, and is longer by what the proxy delays."""
    trace = {"http": "2", "grpc": "3"}[protocol] + TRACE[1:]
    traced = {"otel_exporter_otlp_endpoint": jaeger.otlp}
    upstreams = tmp_path / "upstreams.json"
    with embedded() as url, programs() as start:
        kv = start("kv", tlog_filename=tmp_path / "kv.log", frontend_type="rest,grpc", grpc_port=0, **traced)
        client = ToxiproxyClient(url)
        hop = client.create(ProxySpec(name="kv", upstream=kv.addresses[front])).listen
        client.add("kv", DELAY)
        upstreams.write_text(json.dumps({"kv": {"replicas": [hop], "protocol": protocol} | CALLED_ONCE}))
        gateway = start("gateway", upstreams_file=upstreams, **traced)
        answer = httpx.put(
            gateway.public + "/v1/k", content=b"v", headers={"traceparent": f"00-{trace}-{PARENT}-01"}, timeout=20
        )
        assert answer.status_code in (201, 204)
        assert (gateway.stop(), kv.stop()) == (0, 0)
    entry, attempt, served = sorted(jaeger.arrived(trace, count=3), key=lambda span: int(span["startTime"]))
    assert [span["service"] for span in (entry, attempt, served)] == ["gateway", "gateway", "kv"]
    assert (entry["operationName"], attempt["operationName"]) == ("PUT /v1/{key}", "kv attempt")
    assert [parent_of(span) for span in (entry, attempt, served)] == [PARENT, entry["spanID"], attempt["spanID"]]
    assert tag(attempt, names.ATTRIBUTE_PEER_PORT) == int(hop.rsplit(":", 1)[1])
    assert attempt["duration"] - served["duration"] >= DELAY.latency * 1e6


def parent_of(span: dict[str, Any]) -> str:
    (reference,) = span["references"]
    assert reference["traceID"] == span["traceID"]
    return str(reference["spanID"])


def tag(span: dict[str, Any], name: str) -> object:
    (value,) = (each["value"] for each in span["tags"] if each["key"] == name)
    return value


def test_the_retired_exporter_reaches_it_over_thrift(jaeger: Jaeger, old_python: Path) -> None:
    export(old_python, jaeger.thrift)
    spans = jaeger.spans(TRACE, count=2)
    assert {name: span["service"] for name, span in spans.items()} == {"outer": "thrift", "inner": "thrift"}
    assert spans["inner"]["references"][0]["spanID"] == spans["outer"]["spanID"]


def test_the_retired_exporter_speaks_thrift_over_http(old_python: Path) -> None:
    """Without a Jaeger: what it posts is Thrift and holds service and spans."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["content-type"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        export(old_python, f"http://127.0.0.1:{server.server_port}/api/traces?format=jaeger.thrift")
        server.shutdown()
        thread.join()
    assert {kind for kind, _ in got} == {"application/x-thrift"}
    body = b"".join(content for _, content in got)
    assert all(word in body for word in (b"thrift", b"outer", b"inner", bytes.fromhex(PARENT)))
