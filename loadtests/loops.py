"""Open against closed: the same service with room for 100 requests a second, offered less and more, in both ways.

python -m loadtests.loops [--seconds 10] [--out runs/figures]

An open loop sends what is due: beyond capacity the queue grows for as long as the load lasts, and so do the latencies.
A closed loop of N users sends what the answers let it: throughput is at most capacity X, and by Little's law the
latency is N ÷ X less the time to think, however many users are added (Schroeder, Wierman, Harchol-Balter, "Open Versus
Closed: A Cautionary Tale", NSDI 2006).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlab.live import http
from stormlab.live.children import Child
from stormlab.live.ports import HOST, free
from stormlab.report import style

ROOT = Path(__file__).parents[1]
#: The service: so many workers, each busy for so long, in s, exponentially distributed; and its queue.
WORKERS, SERVICE, QUEUE = 5, 0.05, 100_000
CAPACITY = WORKERS / SERVICE
#: Multiples of capacity that are asked for, and how long users of the closed loop think, in s.
DEMANDS, THINK = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0), 0.5


class Point(NamedTuple):
    """One run: demand and throughput as shares of capacity, and the 99th percentile of latency in s."""

    demand: float
    sent: float
    goodput: float
    p99: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="length of each of the twelve runs")
    parser.add_argument("--out", type=Path, default=Path("runs/figures"), help="folder of the figure")
    given = parser.parse_args()
    points = {loop: [point(loop, demand, given.seconds) for demand in DEMANDS] for loop in ("open", "closed")}
    for loop, found in points.items():
        for one in found:
            words = f"asked for {one.demand:.2f}, sent {one.sent:.2f}, goodput {one.goodput:.2f} of capacity"
            print(f"{loop:<7} {words}, p99 {one.p99:.2f} s")
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "load-loops.png"
    style.save_png(figure(points, given.seconds), path)
    print(path)


def point(loop: str, demand: float, seconds: int) -> Point:
    """One run against a fresh service; in a closed loop the users who would ask for as much of an idle service."""
    rate = demand * CAPACITY
    users = round(rate * (THINK + SERVICE))
    ways = ["--rate", f"{rate:g}"] if loop == "open" else ["--loop", loop, "-u", f"{users}", "--think-time", f"{THINK}"]
    with tempfile.TemporaryDirectory() as scratch, service(Path(scratch)) as url:
        load = played([*ways, "-H", url, "-t", f"{seconds}s", "--policies", ""], Path(scratch))
    sent = load["sent_in_time"] / seconds / CAPACITY
    return Point(demand, sent, load["total"]["goodput"] / CAPACITY, load["total"]["latency"]["p99"])


def played(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """The results of a load test.

    Raises:
        SystemExit: the run was void.
    """
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary"]
    command += ["--out", str(folder / "load"), "--fill", "no", *words, "KvWriter"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"status {done.returncode}: {done.stdout}")
    found: dict[str, Any] = json.loads((folder / "load" / "load.json").read_text(encoding="utf-8"))
    return found


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """A key-value service of known capacity; its address."""
    port, admin = free(2)
    settings = {"HOST": HOST, "PORT": port, "ADMIN_PORT": admin, "TLOG_FILENAME": folder / "kv.log", "GRACE": 0.1}
    settings |= {"WORKERS": WORKERS, "SERVICE_TIME": f"exponential:{SERVICE}", "QUEUE_LIMIT": QUEUE}
    settings |= {"MAX_REQUESTS": QUEUE, "TLOG_DURABILITY": "never", "LOG_LEVEL": "WARNING"}
    env = {name: str(value) for name, value in settings.items()}
    child = Child("kv", [sys.executable, "-m", "services.kv"], log=folder / "kv.out", cwd=ROOT, env=os.environ | env)
    try:
        child.wait_until(lambda: http.alive(port), seconds=30.0)
        yield f"http://{HOST}:{port}"
    finally:
        child.stop()


@style.in_house
def figure(points: dict[str, list[Point]], seconds: int) -> Figure:
    worst = {loop: found[-1].p99 for loop, found in points.items()}
    title = (
        f"Asked for twice what it can do, a service shows a p99 of {worst['open']:.1f} s in {seconds} s of open loop, "
        f"and of {worst['closed']:.1f} s in a closed one"
    )
    drawn = style.canvas(title, rows=2, height=6.4)
    top, bottom = drawn.axes
    colours = {"open": style.VERMILLION, "closed": style.BLUE}
    ends: list[list[tuple[float, str, str]]] = [[], []]
    for loop, found in points.items():
        demands = [one.demand for one in found]
        top.plot(demands, [one.sent for one in found], color=colours[loop], marker="o", linewidth=2)
        bottom.plot(demands, [one.p99 for one in found], color=colours[loop], marker="o", linewidth=2)
        ends[0].append((found[-1].sent, f"{loop} loop", colours[loop]))
        ends[1].append((found[-1].p99, f"{loop} loop", colours[loop]))
    for axes, labels, words in zip((top, bottom), ends, ("sent ÷ capacity", "p99 latency (s)"), strict=True):
        _finish(axes, words)
        style.label_ends(axes, labels)
    top.text(1.01, 0.05, "capacity", color=style.MUTED, fontsize="small", transform=top.get_xaxis_transform())
    bottom.set_xlabel("demand ÷ capacity (100 requests a second)")
    return drawn


def _finish(axes: Axes, words: str) -> None:
    axes.set_ylabel(words)
    axes.set_ylim(bottom=0)
    axes.axvline(1.0, color=style.MUTED, linewidth=1, linestyle=(0, (2, 2)))


if __name__ == "__main__":
    main()
