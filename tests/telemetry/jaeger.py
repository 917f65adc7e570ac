"""A real Jaeger of the tests' own, on free loopback ports, with its store in memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from stormlab.live import ports

_CONFIG = """
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {{receivers: [otlp, jaeger], exporters: [jaeger_storage_exporter]}}
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
extensions:
  jaeger_query:
    storage: {{traces: memory}}
    enable_tracing: false
    http: {{endpoint: "127.0.0.1:{query}"}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
  jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: 1000}}}}}}}}
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
  jaeger: {{protocols: {{thrift_http: {{endpoint: "127.0.0.1:{thrift}"}}}}}}
exporters:
  jaeger_storage_exporter: {{trace_storage: memory}}
"""


class Jaeger:
    """Where it takes spans, over OTLP and over Thrift, and what it holds."""

    def __init__(self, *, query: int, otlp: int, thrift: int) -> None:
        self._query = f"http://127.0.0.1:{query}"
        self.otlp = f"http://127.0.0.1:{otlp}"
        self.thrift = f"http://127.0.0.1:{thrift}/api/traces?format=jaeger.thrift"

    def answers(self) -> bool:
        try:
            return httpx.get(self._query + "/api/services", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def spans(self, trace: str, *, count: int, seconds: float = 60.0) -> dict[str, dict[str, Any]]:
        """The spans of ``trace`` by name, as soon as there are ``count``; each with the name of its service."""
        return {span["operationName"]: span for span in self.arrived(trace, count=count, seconds=seconds)}

    def arrived(self, trace: str, *, count: int, seconds: float = 60.0) -> list[dict[str, Any]]:
        """All spans of ``trace``, as soon as there are ``count`` or ``seconds`` are over."""
        end = time.monotonic() + seconds
        while True:
            answer = httpx.get(f"{self._query}/api/traces/{trace}", timeout=20)
            data = answer.json()["data"] if answer.status_code == 200 else None
            found = data[0]["spans"] if data else []
            if len(found) >= count or time.monotonic() > end:
                processes = data[0]["processes"] if data else {}
                return [span | {"service": processes[span["processID"]]["serviceName"]} for span in found]
            time.sleep(0.05)


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[Jaeger]:
    """Jaeger, started from ``binary``, until the block ends."""
    query, grpc, otlp, thrift = ports.free(4)
    config = folder / "jaeger.yaml"
    config.write_text(_CONFIG.format(query=query, grpc=grpc, otlp=otlp, thrift=thrift))
    with (folder / "jaeger.log").open("w") as log:
        process = subprocess.Popen([binary, "--config", config], stdout=log, stderr=subprocess.STDOUT)
        jaeger = Jaeger(query=query, otlp=otlp, thrift=thrift)
        try:
            end = time.monotonic() + 60
            while not jaeger.answers():
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((folder / "jaeger.log").read_text())
                time.sleep(0.05)
            yield jaeger
        finally:
            process.terminate()
            process.wait()
