"""What the chaos proxy costs: a direct connection, the embedded proxy and the real Toxiproxy, side by side.

The proxies are held to one core, the real one with ``GOMAXPROCS=1``. The load shares that core, so that none of them
waits to be woken from another core, which on virtual machines costs more than all the rest; ``--apart`` puts the load
on another core instead. *Per CPU second* divides by the processor time that the proxy used: what it could do with a
core of its own. *Core share* is how much of its core the proxy got while answering requests. Repeats are interleaved;
the table shows their medians.

    python benchmarks/proxy.py [--seconds 1.5] [--repeats 5] [--connections 32] [--apart]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from subprocess import PIPE

from benchmarks.servers import ROOT, Server, served
from stormlab.live.ports import HOST

DIRECT, EMBEDDED, REAL = "direct", "embedded", "toxiproxy"

Figures = dict[str, float]
LATENCY = "added latency, µs"
GOALS = {"requests/s": ">= 1", "MB/s": ">= 1", LATENCY: "<= 1.3"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, and the proxy that is between."""

    port: int
    proxy: Server | None = None

    def cpu_seconds(self) -> float:
        return 0.0 if self.proxy is None else self.proxy.cpu_seconds()


class Load:
    """The process of ``echo_load.py``: its echo server is the upstream, its clients the load."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin and process.stdout
        self._ask, self._answer = process.stdin, process.stdout
        self.port = int(self._answer.readline())

    def measure(self, target: Target, *, mode: str, connections: int, seconds: float) -> tuple[Figures, float]:
        """What the load found, and the share of a core that the proxy used meanwhile."""
        used, start = target.cpu_seconds(), time.perf_counter()
        what = {"mode": mode, "host": HOST, "port": target.port, "connections": connections, "seconds": seconds}
        self._ask.write(json.dumps(what) + "\n")
        self._ask.flush()
        found: Figures = json.loads(self._answer.readline())
        return found, (target.cpu_seconds() - used) / (time.perf_counter() - start)


def main() -> None:
    given = arguments()
    cores = sorted(os.sched_getaffinity(0))
    proxy_core, load_core = cores[0], cores[-1] if given.apart else cores[0]
    with ExitStack() as stack:
        load = stack.enter_context(loading(load_core))
        targets = {DIRECT: Target(load.port)}
        for name, command in proxies().items():
            settings = {"GOMAXPROCS": "1", "LOG_LEVEL": "error"}
            proxy = stack.enter_context(served([*command, "--host", HOST, "--port"], proxy_core, settings))
            targets[name] = Target(proxied(proxy.port, load.port), proxy)
        samples = repeated(load, targets, given)
    print_table(samples)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=32, help="for requests/s (default: %(default)s)")
    parser.add_argument("--apart", action="store_true", help="put the load on another core than the proxies")
    return parser.parse_args()


def proxies() -> dict[str, list[str]]:
    """The servers that are here, and how to start them."""
    found = {EMBEDDED: [sys.executable, "-m", "stormlab.chaos"]}
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(ROOT / ".tools/bin")])
    if real := shutil.which("toxiproxy-server", path=path):
        found[REAL] = [real]
    return found


@contextmanager
def loading(core: int) -> Iterator[Load]:
    """The load on this core, ended afterwards."""
    command = ["taskset", "-c", str(core), sys.executable, str(ROOT / "benchmarks/echo_load.py")]
    process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
    try:
        yield Load(process)
    finally:
        process.terminate()
        process.communicate()


def proxied(api: int, upstream: int) -> int:
    """The port of a new proxy of the server whose API is at port ``api``."""
    body = json.dumps({"name": "bench", "listen": f"{HOST}:0", "upstream": f"{HOST}:{upstream}"}).encode()
    with urllib.request.urlopen(f"http://{HOST}:{api}/proxies", data=body, timeout=5) as answer:
        return int(json.load(answer)["listen"].rpartition(":")[2])


def repeated(load: Load, targets: Mapping[str, Target], given: argparse.Namespace) -> dict[str, list[Figures]]:
    """All samples of each target; who is first changes from repeat to repeat."""
    samples: dict[str, list[Figures]] = defaultdict(list)
    names = list(targets)
    for number in range(given.repeats):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            samples[name].append(sample(load, targets[name], given))
        print(f"\rrepeat {number + 1} of {given.repeats}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {name: samples[name] for name in names}


def sample(load: Load, target: Target, given: argparse.Namespace) -> Figures:
    one, _ = load.measure(target, mode="requests", connections=1, seconds=given.seconds)
    many, busy = load.measure(target, mode="requests", connections=given.connections, seconds=given.seconds)
    bulk, busy_in_bulk = load.measure(target, mode="bulk", connections=4, seconds=given.seconds)
    rate, megabytes = many["requests_per_second"], bulk["bytes_per_second"] / 1e6
    return {
        "requests/s": rate,
        "per CPU second": rate / busy if busy else math.nan,
        "core share, %": busy * 100 if busy else math.nan,
        "MB/s": megabytes,
        "MB per CPU second": megabytes / busy_in_bulk if busy_in_bulk else math.nan,
        LATENCY: one["median_latency"] * 1e6,
    }


def print_table(samples: Mapping[str, list[Figures]]) -> None:
    """One row for each target, then the embedded proxy over the real one, and the goals."""
    rows = {name: medians(each) for name, each in samples.items()}
    direct = rows[DIRECT][LATENCY]
    for row in rows.values():
        row[LATENCY] -= direct
    headings = list(rows[DIRECT])
    print_row("", headings)
    for name, row in rows.items():
        print_row(name, ["-" if math.isnan(row[each]) else f"{row[each]:,.0f}" for each in headings])
    if REAL not in rows:
        print("toxiproxy-server is neither on PATH nor in .tools/bin: `make real-parts` puts it there, to compare with")
        return
    print_row("embedded / toxiproxy", [f"{rows[EMBEDDED][each] / rows[REAL][each]:.2f}" for each in headings])
    print_row("goal", [GOALS.get(each, "") for each in headings])


def medians(samples: list[Figures]) -> Figures:
    return {measure: statistics.median(each[measure] for each in samples) for measure in samples[0]}


def print_row(name: str, cells: list[str]) -> None:
    print(f"{name:22}" + "".join(f"{cell:>19}" for cell in cells))


if __name__ == "__main__":
    main()
