"""What the key-value service costs: GET and PUT of 64 bytes, by durability and telemetry, next to a bare server.

Telemetry is the default: metrics with exemplars, a tenth of the traces exported to a collector, sampled logs. Each
server is held to one core and the load to another. *Per CPU second* divides by the processor time that the server
used, which is steady on a busy machine too; waiting for the disk is not in it, so compare durable writes by
requests/s. Repeats are interleaved; the table shows medians, and the ratio to the bare server of the same run.

    python benchmarks/kv.py [--seconds 1.5] [--repeats 5] [--connections 64]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import uvloop

from benchmarks.servers import ROOT, Server, served
from stormlab.live.ports import HOST

BARE = "bare server"
VALUE = b"x" * 64


class Caller(asyncio.Protocol):
    """One kept-open connection that sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self._request, self._latencies = request, latencies
        self._length: int | None = None
        self._received = bytearray()
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length is None:
            self._length = whole_length(self._received)
        if self._length is not None and len(self._received) >= self._length:
            self._received.clear()
            self._length = None
            self._latencies.append(time.perf_counter() - self._sent)
            self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def stop(self) -> None:
        self._transport.close()


def whole_length(received: bytearray) -> int | None:
    """Bytes of the answer that begins here; ``None`` while its head is not whole."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return None
    if received[9:10] != b"2":
        raise RuntimeError(f"answered {bytes(received[:200])!r}")
    place = received.find(b"content-length: ", 0, head)
    body = int(received[place + 16 : received.index(b"\r", place)]) if place >= 0 else 0
    return head + 4 + body


async def load(port: int, method: str, connections: int, seconds: float) -> list[float]:
    """The latencies in s of all requests that were answered within ``seconds``."""
    loop, latencies = asyncio.get_running_loop(), list[float]()
    body = VALUE if method == "PUT" else b""
    callers = []
    for number in range(connections):
        head = f"{method} /v1/key{number} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        _, caller = await loop.create_connection(lambda request=request: Caller(request, latencies), HOST, port)  # type: ignore[misc]
        callers.append(caller)
    await asyncio.sleep(seconds)
    for caller in callers:
        caller.stop()
    return latencies


def main() -> None:
    given = arguments()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    samples: dict[tuple[str, str], list[tuple[float, float, float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        collector = stack.enter_context(swallowing(cores[-1]))
        servers = {name: stack.enter_context(started(name, cores[0], collector)) for name in VARIANTS}
        for number in range(given.repeats):
            for name, server in servers.items():
                for method in ("PUT", "GET"):
                    samples[name, method].append(measure(server, method, given))
            print(f"\rrepeat {number + 1} of {given.repeats}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print_table({key: tuple(map(statistics.median, zip(*each, strict=True))) for key, each in samples.items()})


#: What is measured: settings of the service; the bare server has none.
VARIANTS: dict[str, dict[str, str]] = {
    BARE: {},
    "kv, no telemetry": {"TLOG_DURABILITY": "never", "TELEMETRY": "off"},
    "kv, in memory": {"TLOG_DURABILITY": "never"},
    "kv, interval": {"TLOG_DURABILITY": "interval"},
    "kv, durable": {"TLOG_DURABILITY": "always"},
}


@contextmanager
def swallowing(core: int) -> Iterator[str]:
    """The address of a collector on ``core`` that takes every trace and keeps none."""
    with served([sys.executable, "-c", _SINK], core) as server:
        yield f"http://{HOST}:{server.port}"


_SINK = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Sink(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *arguments): pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
"""


@contextmanager
def started(name: str, core: int, collector: str = "") -> Iterator[Server]:
    """The server of this name on this core, ended afterwards."""
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        program = ["benchmarks/bare_http.py"] if name == BARE else ["-m", "services.kv", "--port"]
        settings = {"TLOG_FILENAME": f"{folder}/kv.log", "OTEL_EXPORTER_OTLP_ENDPOINT": collector} | VARIANTS[name]
        with served([sys.executable, *program], core, settings) as server:
            yield server


def measure(server: Server, method: str, given: argparse.Namespace) -> tuple[float, float, float, float]:
    """Requests/s, requests per CPU second, median and 99th percentile in ms."""
    used, start = server.cpu_seconds(), time.perf_counter()
    latencies = uvloop.run(load(server.port, method, given.connections, given.seconds))
    seconds, used = time.perf_counter() - start, server.cpu_seconds() - used
    ordered = sorted(latencies)
    return (
        len(ordered) / seconds,
        len(ordered) / used,
        statistics.median(ordered) * 1e3,
        ordered[len(ordered) * 99 // 100] * 1e3,
    )


def print_table(rows: dict[tuple[str, str], tuple[float, ...]]) -> None:
    headings = ["requests/s", "per CPU second", "p50, ms", "p99, ms", "rate / bare", "per CPU / bare"]
    print_row("", headings)
    for (name, method), figures in rows.items():
        bare = rows[BARE, method]
        cells = [f"{figures[0]:,.0f}", f"{figures[1]:,.0f}", f"{figures[2]:.2f}", f"{figures[3]:.2f}"]
        print_row(f"{method} {name}", [*cells, f"{figures[0] / bare[0]:.2f}", f"{figures[1] / bare[1]:.2f}"])
    durable, memory = rows["kv, durable", "PUT"][0], rows["kv, in memory", "PUT"][0]
    print(f"GET without telemetry / bare, per CPU: {ratio(rows, 'kv, no telemetry'):.2f} (goal >= 0.80)")
    print(f"GET with telemetry / bare, per CPU: {ratio(rows, 'kv, in memory'):.2f} (goal >= 0.45)")
    print(f"PUT durable / in memory, requests/s: {durable / memory:.2f} (goal >= 0.50)")


def ratio(rows: dict[tuple[str, str], tuple[float, ...]], name: str) -> float:
    return rows[name, "GET"][1] / rows[BARE, "GET"][1]


def print_row(name: str, cells: list[str]) -> None:
    print(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=64, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    main()
