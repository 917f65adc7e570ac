"""How much load one core can make: our open loop next to Locust's plain FastHttpUser (closed, 32 users) and to wrk.

python -m benchmarks.load [--seconds 5] [--steps 6]

A server that costs next to nothing has one core, the generator the other. The rate of the open loop is raised until a
run is void: the highest that was kept counts. *Per CPU second* is what the generator needs whoever else is on the
machine: requests by processor time, without that of starting and of one request. Where other programs run, the rates
of all three fall, and that figure stays.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import ROOT, served
from stormlab.live.ports import HOST

USERS = 32
OPEN = "ours, open loop, kept"
#: The first rate that is tried, as a share of what FastHttpUser reached, and the factor from one to the next.
FIRST, FACTOR = 0.5, 1.2
PLAIN = """
from locust import FastHttpUser, constant, task


class Plain(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/v1/load-1")
"""


class Measured(NamedTuple):
    """Requests, and the s and the processor s that they took."""

    requests: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def per_cpu(self) -> float:
        return self.requests / self.cpu


class Step(NamedTuple):
    """One run of the open loop: what was asked for, and how it went."""

    asked: float
    offered: float
    late: float
    void: bool
    measured: Measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="rates of the open loop that are tried at most")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as scratch, canned(cores[0]) as url:
        folder = Path(scratch)
        wrk = by_wrk(url, given.seconds)
        plain = by_plain(url, folder, given.seconds)
        closed = by_closed_loop(url, folder, given.seconds)
        steps = list(by_open_loop(url, folder, given, FIRST * plain.rate))
    print_steps(steps)
    kept = [step.measured for step in steps if not step.void]
    cheapest = max((step.measured for step in steps), key=lambda one: one.per_cpu)
    best = max(kept, key=lambda one: one.rate) if kept else cheapest._replace(requests=0)
    print_rates(wrk, {"FastHttpUser, 32 users, closed": plain, "ours, 32 users, closed": closed, OPEN: best}, cheapest)


@contextmanager
def canned(core: int) -> Iterator[str]:
    """A server on ``core``; its address."""
    with served([sys.executable, "-m", "benchmarks.canned"], core) as server:
        yield f"http://{HOST}:{server.port}"


def by_wrk(url: str, seconds: int) -> float | None:
    """Requests per s, or ``None`` where there is no wrk."""
    program = shutil.which("wrk")
    if program is None:
        return None
    said = run([program, "-t1", f"-c{USERS}", f"-d{seconds}", f"{url}/v1/load-1"])[0]
    return float(re.findall(r"Requests/sec:\s+([0-9.]+)", said)[0])


def by_plain(url: str, folder: Path, seconds: int) -> Measured:
    """Locust's own fast client, in the closed loop that it is made for."""
    path = folder / "plain.py"
    path.write_text(PLAIN, encoding="utf-8")
    command = locust(path, url)
    idle = run([*command, "-u", "1", "-t", "1s", "--json"])
    counts = run([*command, "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds + 1}s", "--json"])
    before, requests = (sum(int(entry["num_requests"]) for entry in json.loads(one[0])) for one in (idle, counts))
    extra = requests - before
    return Measured(requests, seconds + 1, (counts[1] - idle[1]) * requests / extra)


def by_closed_loop(url: str, folder: Path, seconds: int) -> Measured:
    """Our own clients in that loop: what a request costs them, where the core is as busy as with the others."""
    command = [*locust(ROOT / "loadtests" / "locustfile.py", url), "--fill", "no", "--out", str(folder / "closed")]
    command += ["--loop", "closed", "--shape", "constant"]
    idle = run([*command, "-u", "1", "--think-time", "1", "-t", "1s", "KvReader"])[1]
    cpu = run([*command, "-u", str(USERS), "-t", f"{seconds}s", "KvReader"])[1] - idle
    load = json.loads((folder / "closed" / "load.json").read_text(encoding="utf-8"))
    return Measured(load["total"]["ended"], seconds, cpu)


def by_open_loop(url: str, folder: Path, given: argparse.Namespace, rate: float) -> Iterator[Step]:
    """Ever higher rates, until one cannot be kept."""
    command = [*locust(ROOT / "loadtests" / "locustfile.py", url), "--fill", "no", "--out", str(folder / "open")]
    idle = run([*command, "--rate", "1", "-t", "1s", "KvReader"])[1]
    for _ in range(given.steps):
        cpu = run([*command, "--rate", f"{rate:.0f}", "-t", f"{given.seconds}s", "KvReader"])[1] - idle
        load = json.loads((folder / "open" / "load.json").read_text(encoding="utf-8"))
        measured = Measured(load["total"]["ended"], given.seconds, cpu)
        late = load["total"]["lateness"]["p99"]
        yield Step(rate, load["offered_ratio"], late, bool(load["void"]), measured)
        if load["void"]:
            return
        rate *= FACTOR


def locust(path: Path, url: str) -> list[str]:
    return [sys.executable, "-m", "locust", "-f", str(path), "--headless", "--only-summary", "-H", url]


def run(command: Sequence[str]) -> tuple[str, float]:
    """What a program says, and the processor time that it took, in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_steps(steps: Sequence[Step]) -> None:
    print(f"{'open loop, requests/s':<28}{'sent in time':>14}{'late, p99, ms':>15}{'':>8}")
    for step in steps:
        word = "void" if step.void else "kept"
        print(f"{step.asked:<28,.0f}{step.offered:>14.2%}{step.late * 1000:>15.1f}{word:>8}")


def print_rates(wrk: float | None, measured: Mapping[str, Measured], cheapest: Measured) -> None:
    """``cheapest`` is the open loop at the rate at which a request cost it least."""
    plain = next(iter(measured.values()))
    print(f"\n{'one core':<38}{'requests/s':>12}{'÷ FastHttpUser':>16}{'per CPU second':>16}{'÷ FastHttpUser':>16}")
    if wrk is not None:
        print(f"{'wrk, 32 connections':<38}{wrk:>12,.0f}{wrk / plain.rate:>16.2f}")
    for name, one in measured.items():
        cost = cheapest if name == OPEN else one
        print(f"{name:<38}{one.rate:>12,.0f}{one.rate / plain.rate:>16.2f}", end="")
        print(f"{cost.per_cpu:>16,.0f}{cost.per_cpu / plain.per_cpu:>16.2f}")


if __name__ == "__main__":
    main()
