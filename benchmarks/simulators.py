"""Simulators side by side: a retry storm and M/M/1 in ours, in plain SimPy, in ciw and in C++; a cache; size and cores.

Every line is measured in a process of its own. One-core work is measured in seconds of processor time, so that others
on the machine disturb it less; what several cores do, in seconds by the clock. Simulators in Python play a smaller
fleet or fewer requests, and what they would need for the whole is in proportion to the attempts: that flatters them,
because their event queues would be longer. A kernel is timed after it has been compiled; numba keeps it on disk.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from benchmarks.peers import PlainStorm, Storm, ciw_mm1, plain_mm1
from stormlab.scenario.model import Scenario

CLIENTS, SMALL, MILLION = 100_000, 4_000, 1_000_000
REQUESTS, FEW = 1_000_000, 50_000
RATE, SERVICE = 8_000.0, 1e-4
MAP = {"x": "clients.web.arrivals.rate=10:110:20", "y": "faults.spike.factor=1:5:20"}


def storm_scenario(storm: Storm) -> Scenario:
    """The storm as a scenario."""
    lasting = storm.slow_until - storm.slow_at
    backoff = {"kind": "full-jitter", "base": storm.base, "cap": storm.cap}
    return Scenario.model_validate(
        {
            "title": "A storm among many clients",
            "run": {"duration": storm.duration, "warmup": 20},
            "services": {
                "kv": {
                    "workers": storm.workers,
                    "service_time": {"kind": "exponential", "mean": storm.service},
                    "queue": {"limit": storm.clients},
                }
            },
            "clients": {
                "web": {
                    "target": "kv",
                    "arrivals": {
                        "kind": "closed",
                        "users": storm.clients,
                        "think_time": {"kind": "exponential", "mean": storm.think},
                    },
                    "policies": [
                        {"kind": "retry", "max_retries": storm.retries, "backoff": backoff},
                        {"kind": "timeout", "seconds": storm.limit},
                    ],
                }
            },
            "faults": [{"kind": "capacity", "target": "kv", "at": storm.slow_at, "for": lasting, "speed": storm.speed}],
        }
    )


def mm1_scenario(requests: int) -> Scenario:
    """M/M/1 at 80 %."""
    return Scenario.model_validate(
        {
            "title": "M/M/1",
            "run": {"duration": requests / RATE, "warmup": 1},
            "services": {
                "kv": {
                    "workers": 1,
                    "service_time": {"kind": "exponential", "mean": SERVICE},
                    "queue": {"limit": 10 * requests},
                }
            },
            "clients": {"web": {"target": "kv", "arrivals": {"kind": "poisson", "rate": RATE}}},
        }
    )


def cache_scenario(requests: int) -> Scenario:
    """Popular keys, a cache for a tenth of them that is emptied half-way, and a database that bears the rest."""
    seconds = requests / RATE
    return Scenario.model_validate(
        {
            "title": "A cache",
            "run": {"duration": seconds, "warmup": 1},
            "services": {
                "app": {
                    "workers": 20_000,
                    "service_time": {"kind": "fixed", "mean": 0.0},
                    "calls": [{"target": "db", "cache": {"capacity": 10_000, "ttl": 30, "jitter": 0.1}}],
                },
                "db": {"workers": 500, "service_time": {"kind": "exponential", "mean": 0.1}},
            },
            "clients": {
                "web": {
                    "target": "app",
                    "arrivals": {"kind": "poisson", "rate": RATE},
                    "keys": {"kind": "zipf", "count": 100_000},
                    "policies": [
                        {"kind": "retry", "max_retries": 2, "backoff": {"kind": "full-jitter"}},
                        {"kind": "timeout", "seconds": 1.0},
                    ],
                }
            },
            "faults": [{"kind": "flush", "target": "app", "at": seconds / 2}],
        }
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and the answer."""
    began = time.process_time()
    answer = work()
    return time.process_time() - began, answer


def in_kernel(scenario: Scenario) -> dict[str, float]:
    """Our kernel; a short run first, so that nothing is compiled while the clock runs."""
    from stormlab.sim.fast import world

    world.play(mm1_scenario(2_000), 1)
    seconds, played = timed(lambda: world.play(scenario, 1))
    return {"seconds": seconds, "attempts": float(played.arrays["counts"][1].sum())}


def in_world(scenario: Scenario) -> dict[str, float]:
    """Our world on SimPy."""
    from stormlab import sim

    seconds, result = timed(lambda: sim.run(scenario, seed=1))
    return {"seconds": seconds, "attempts": float(result.series["attempts"].sum())}


def in_cpp(*arguments: object) -> dict[str, float]:
    """The C++ twin, compiled now; it tells its own processor time."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "storm"
        source = Path(__file__).with_name("storm.cpp")
        subprocess.run(["g++", "-std=c++17", "-O3", "-march=native", "-o", program, source], check=True)
        answer = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout
    seconds, attempts, _successes, _mean = map(float, answer.split())
    return {"seconds": seconds, "attempts": attempts}


def cpp_storm(clients: int) -> dict[str, float]:
    """The storm in C++."""
    s = Storm(clients=clients)
    numbers = (s.think, s.workers, s.service, s.limit, s.retries, s.base, s.cap, s.slow_at, s.slow_until, s.speed)
    return in_cpp("closed", clients, *numbers, s.duration, 1)


def plain_storm(clients: int) -> dict[str, float]:
    """The storm in plain SimPy."""
    seconds, attempts = timed(PlainStorm(Storm(clients=clients), seed=1).run)
    return {"seconds": seconds, "attempts": float(attempts)}


def by_hand(play: Callable[..., float]) -> dict[str, float]:
    """M/M/1 in another simulator; the mean response time is 0.5 ms."""
    seconds, mean = timed(lambda: play(FEW, rate=RATE, service=SERVICE, seed=1))
    assert 0.35e-3 < mean < 0.75e-3, mean
    return {"seconds": seconds, "attempts": float(FEW)}


def sweep(jobs: int) -> dict[str, float]:
    """The map of 400 points and 5 seeds, in seconds by the clock."""
    from stormlab.api.sweep import Axis, Sweep, run_sweep

    x, y = Axis.parse(MAP["x"]), Axis.parse(MAP["y"])
    chosen = Sweep(scenario="retry-storm", variant="", overrides=(), x=x, y=y, seed=1, seeds=5, engine="fast")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        points = run_sweep(chosen, Path(folder) / "map", jobs=jobs)
        return {"seconds": time.perf_counter() - began, "attempts": float(len(points))}


ENTRIES: dict[str, Callable[[], dict[str, float]]] = {
    "storm/kernel": lambda: in_kernel(storm_scenario(Storm(clients=CLIENTS))),
    "storm/C++": lambda: cpp_storm(CLIENTS),
    "storm/world": lambda: in_world(storm_scenario(Storm(clients=SMALL))),
    "storm/SimPy": lambda: plain_storm(SMALL),
    "M/M/1/kernel": lambda: in_kernel(mm1_scenario(REQUESTS)),
    "M/M/1/C++": lambda: in_cpp("open", RATE, SERVICE, REQUESTS, 1),
    "M/M/1/world": lambda: in_world(mm1_scenario(FEW)),
    "M/M/1/SimPy": lambda: by_hand(plain_mm1),
    "M/M/1/ciw": lambda: by_hand(ciw_mm1),
    "cache/kernel": lambda: in_kernel(cache_scenario(REQUESTS)),
    "cache/world": lambda: in_world(cache_scenario(10 * FEW)),
    "million/kernel": lambda: in_kernel(storm_scenario(Storm(clients=MILLION))),
    "million/C++": lambda: cpp_storm(MILLION),
    "map/2": lambda: sweep(2),
    "map/1": lambda: sweep(1),
}


def measured(name: str) -> dict[str, float] | None:
    """One entry in a process of its own, with its peak of memory in MB; ``None`` when there is no compiler."""
    if name.endswith("C++") and which("g++") is None:
        return None
    program = [sys.executable, "-m", "benchmarks.simulators", name]
    answer = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(answer)
    return found


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach: ``value`` is to be below ``most``, or above ``least``."""

    text: str
    value: float | None
    most: float = float("inf")
    least: float = 0.0

    def __str__(self) -> str:
        if self.value is None:
            return f"not measured  {self.text}"
        met = self.least <= self.value <= self.most
        return f"{'met' if met else 'NOT MET':<12}  {self.text}: {self.value:.3g}"


def per_attempt(found: dict[str, float] | None) -> float | None:
    """Seconds per attempt."""
    return None if found is None else found["seconds"] / found["attempts"]


def ratio(slow: dict[str, float] | None, quick: dict[str, float] | None) -> float | None:
    """How many times longer the first takes per attempt."""
    above, below = per_attempt(slow), per_attempt(quick)
    return None if above is None or below is None else above / below


def table(found: dict[str, dict[str, float] | None]) -> None:
    """Print what was measured, one group after the other."""
    print(f"{'':<16}{'attempts':>12}{'seconds':>10}{'ns/attempt':>12}{'to the kernel':>15}{'peak MB':>9}")
    for name, one in found.items():
        group = name.rpartition("/")[0]
        if one is None:
            print(f"{name:<16}{'no g++ here':>12}")
        elif group == "map":
            print(f"{name:<16}{one['attempts']:>5.0f} points{one['seconds']:>10.1f}  by the clock, on {name[-1]} cores")
        else:
            times = ratio(one, found[f"{group}/kernel"])
            each = 1e9 * one["seconds"] / one["attempts"]
            peak = "" if name.endswith("C++") else f"{one['peak']:.0f}"
            print(f"{name:<16}{one['attempts']:>12,.0f}{one['seconds']:>10.3f}{each:>12,.0f}{times:>15,.2f}{peak:>9}")
    print("storm/ciw       none: in ciw a caller who leaves takes the work along; here the service goes on with it")


def goals(found: dict[str, dict[str, float] | None]) -> list[Goal]:
    """What was asked for."""
    million, mm1, one, two = (found[name] for name in ("million/kernel", "M/M/1/kernel", "map/1", "map/2"))
    assert million and mm1 and one and two
    plain, kernel = found["storm/SimPy"], found["storm/kernel"]
    return [
        Goal("storm: plain SimPy takes 100 times as long or more", ratio(plain, kernel), least=100),
        Goal("storm: at most twice as long as C++", ratio(kernel, found["storm/C++"]), most=2),
        Goal("a million clients in less than 5 s", million["seconds"], most=5),
        Goal("a million clients in less than 500 MB", million["peak"], most=500),
        Goal("M/M/1 with a million arrivals in less than 0.15 s", mm1["seconds"], most=0.15),
        Goal("400 points x 5 seeds on two cores in less than 60 s", two["seconds"], most=60),
        Goal("two cores at least 1.8 times as quick as one", one["seconds"] / two["seconds"], least=1.8),
    ]


def main() -> None:
    """Measure everything, print the table, then which goals are met."""
    if len(sys.argv) > 1:
        found = ENTRIES[sys.argv[1]]()
        found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    everything = {name: measured(name) for name in ENTRIES}
    table(everything)
    print("\n".join(map(str, goals(everything))))


if __name__ == "__main__":
    main()
