"""Spans arrive in a real Jaeger: from a service over OTLP, and over Thrift from the environment that still can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.conftest import ROOT, find_program, skip_without
from tests.services.kv.running import Running
from tests.telemetry.jaeger import Jaeger, running

pytestmark = [pytest.mark.live, pytest.mark.real]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
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
        kv.kill()
    spans = jaeger.spans(trace, count=1)
    assert {name: span["service"] for name, span in spans.items()} == {"PUT /v1/{key}": "kv"}


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
