"""What the gateway costs: requests per second through it, next to the service behind it asked directly, in one run.

python -m benchmarks.gateway [--seconds 1.5] [--repeats 5] [--connections 64]

The key-value service and the gateway share one core and the load has another, so a request through the gateway
costs what both cost together; ``per CPU second`` counts the processor time of the gateway alone. *bare* is a proxy of
nothing but Starlette and a shared aiohttp session: what a gateway of this framework could do at best.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.kv import arguments, measure, print_row, started
from benchmarks.servers import Server, served
from stormlab.live.ports import HOST

KV = "kv, in memory"
DIRECT, BARE = "direct", "bare proxy"
POLICIES: list[dict[str, object]] = [
    {"kind": "deadline", "seconds": 5.0},
    {"kind": "retry", "max_retries": 2},
    {"kind": "retry-budget"},
    {"kind": "circuit-breaker"},
    {"kind": "timeout", "seconds": 1.0},
]
#: Policies and telemetry of the gateways that are compared.
VARIANTS: dict[str, tuple[list[dict[str, object]], str]] = {
    "gateway, no policies, no telemetry": ([], "off"),
    "gateway, no policies": ([], "on"),
    "gateway, five policies": (POLICIES, "on"),
}


def main() -> None:
    given = arguments()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    samples: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    with ExitStack() as stack:
        kv = stack.enter_context(started(KV, cores[0]))
        bare = stack.enter_context(served([sys.executable, "-m", "benchmarks.bare_proxy", str(kv.port)], cores[0]))
        servers = {DIRECT: kv, BARE: bare}
        for name, (policies, telemetry) in VARIANTS.items():
            servers[name] = stack.enter_context(gateway(kv.port, cores[0], policies, telemetry))
        measure(kv, "PUT", given)
        for number in range(given.repeats):
            for name, server in servers.items():
                samples[name].append(measure(server, "GET", given))
            print(f"\rrepeat {number + 1} of {given.repeats}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print_table({name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in samples.items()})


@contextmanager
def gateway(kv: int, core: int, policies: list[dict[str, object]], telemetry: str) -> Iterator[Server]:
    """A gateway in front of the key-value service at port ``kv``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upstreams.json"
        path.write_text(json.dumps({"kv": {"replicas": [f"{HOST}:{kv}"], "policies": policies}}))
        settings = {"UPSTREAMS_FILE": str(path), "TELEMETRY": telemetry, "LOG_LEVEL": "ERROR"}
        with served([sys.executable, "-m", "services.gateway", "--port"], core, settings) as server:
            yield server


def print_table(rows: dict[str, tuple[float, ...]]) -> None:
    print_row("GET", ["requests/s", "per CPU second", "p50, ms", "p99, ms", "rate / direct", "per CPU / bare"])
    for name, (rate, per_cpu, median, tail) in rows.items():
        cells = [f"{rate:,.0f}", f"{per_cpu:,.0f}", f"{median:.2f}", f"{tail:.2f}"]
        print_row(name, [*cells, f"{rate / rows[DIRECT][0]:.2f}", f"{per_cpu / rows[BARE][1]:.2f}"])


if __name__ == "__main__":
    main()
