"""A cache that is lost takes the database with it, and stays lost when late answers are thrown away.

A look-aside cache with hit ratio h lets a database of capacity C serve up to C/(1−h). Once the cache is empty, load
above C makes every query later than its caller waits. A caller that gives up fills nothing, so the cache stays empty:
C < λ < C/(1−h) is vulnerable. What is cached although nobody waits for it any more (read-through) heals by itself.

- The example of Bronson et al. at a tenth of its size: 30 queries/s of database, hit ratio 90 %, callers wait 1 s; at
  60 s the cache is emptied and the database hangs for 10 s.
- Brooker's cold cache: 1,000 requests/s, keys of Zipf's law (1.3), 1,000 entries, least recently used; flushed at 4 s
  in front of a backend that answers so many queries a second and refuses the rest. It does fill again, slowly.

Sources: "Metastable Failures in Distributed Systems", HotOS'21 (doi.org/10.1145/3458336.3465286);
github.com/mbrooker/simulator_example (cache_sim).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.drivers.sim import Reply, Timer
from stormlab.effects import PLAIN, Request, call_once
from stormlab.outcome import SUCCESS, Outcome, overloaded
from stormlab.report import style
from stormlab.scenario.model import Scenario
from stormlab.scenario.parts import Cache as Description
from stormlab.scenario.result import Result
from stormlab.sim.cache import Cache
from stormlab.sim.clock import Clock
from stormlab.sim.theory.retries import Region, vulnerable_to_cache_loss
from stormlab.sim.world import run

DATABASE, HITS, KEYS = 30.0, 0.9, 200
RANGE = vulnerable_to_cache_loss(database_capacity=DATABASE, hit_ratio=HITS)
LOADS = (12, 20, 60, 150, 250)
LOST_AT, SECONDS, PATIENCE = 60.0, 120.0, 1.0

FLUSHED_AT, SHOWN = 4.0, 60
BACKENDS = (5, 10, 20, 100)

Rates: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


def look_aside(load: float, *, gives_up: bool = True) -> Scenario:
    """Bronson's second example at ``load`` requests/s; ``gives_up`` says whether late answers are thrown away."""
    limit = [{"kind": "timeout", "seconds": PATIENCE}]
    cache = {"capacity": round(HITS * KEYS)}
    return Scenario.model_validate(
        {
            "title": "A cache is lost",
            "run": {"duration": SECONDS, "warmup": 45, "recover_within": 50},
            "services": {
                "app": {
                    "workers": 1_000_000,
                    "service_time": {"kind": "fixed", "mean": 0.0},
                    "calls": [{"target": "db", "cache": cache, "policies": limit if gives_up else []}],
                },
                "db": {
                    "workers": 3,
                    "service_time": {"kind": "fixed", "mean": 3 / DATABASE},
                    "queue": {"limit": 1_000_000},
                },
            },
            "clients": {
                "web": {
                    "target": "app",
                    "arrivals": {"kind": "poisson", "rate": load},
                    "shape": [[0, 0], [40, 1]],
                    "keys": {"kind": "uniform", "count": KEYS},
                    "policies": limit,
                }
            },
            "faults": [
                {"name": "cache lost", "kind": "flush", "target": "app", "at": LOST_AT},
                {"name": "database hangs", "kind": "pause", "target": "db", "at": LOST_AT, "for": 10},
            ],
        }
    )


class Backend:
    """Answers the first ``limit`` queries of each second and refuses the others."""

    def __init__(self, env: Clock, limit: float) -> None:
        self._env = env
        self.limit = limit
        self._second, self._count = -1, 0

    def get(self, _request: Request, _reply: Reply) -> Outcome | None:
        second = int(self._env.now)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return SUCCESS if self._count <= self.limit else overloaded("backend")


def cold_cache(limit: float, *, seed: int, rate: float = 1_000.0, exponent: float = 1.3) -> Rates:
    """Hit ratio in each second of Brooker's cache in front of a backend of ``limit`` queries/s."""
    env, draws = Clock(), np.random.default_rng(seed)
    backend = Backend(env, np.inf)
    cache = Cache(env, Description(capacity=1_000), call_once, backend.get, Random(seed))
    for key in range(1, 1_001):
        cache.send(PLAIN._replace(key=str(key)), _ignore)
    backend.limit = limit
    keys = iter(map(str, draws.zipf(exponent, round(rate * SHOWN)).tolist()))
    found = np.zeros((SHOWN + 1, 2))

    def ask(_event: Any) -> None:
        before = cache.hits
        cache.send(PLAIN._replace(key=next(keys)), _ignore)
        found[int(env.now)] += (cache.hits - before, 1)

    for number in range(round(rate * SHOWN)):
        Timer(env, (number + 0.5) / rate, ask)
    Timer(env, FLUSHED_AT, lambda _event: cache.flush(1.0, Random(0)))
    env.run(until=SHOWN)
    ratio: Rates = found[:SHOWN, 0] / found[:SHOWN, 1]
    return ratio


def _ignore(_outcome: Outcome) -> None:
    """Nobody waits for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Runs by load, with callers who give up and without, and hit ratios by capacity of Brooker's backend."""

    look_aside: Mapping[int, Result]
    read_through: Result
    cold: Mapping[int, Rates]


def play(*, seed: int, loads: Sequence[int] = LOADS) -> Losses:
    """Everything once."""
    return Losses(
        look_aside={load: run(look_aside(load), seed=seed) for load in loads},
        read_through=run(look_aside(max(loads), gives_up=False), seed=seed),
        cold={limit: cold_cache(limit, seed=seed) for limit in BACKENDS},
    )


def is_lost(result: Result) -> bool:
    """Whether fewer than half of the requests succeed in the last twenty seconds."""
    series = result.series
    return bool(series["succeeded"][-20:-2].sum() < 0.5 * series["offered"][-20:-2].sum())


def check(losses: Losses) -> None:
    """Assert the findings."""
    for load, result in losses.look_aside.items():
        assert is_lost(result) == (RANGE.region(load) is Region.VULNERABLE), f"{load} requests/s"
    before, end = slice(45, 60), slice(-10, None)
    for load, result in losses.look_aside.items():
        hits = result.series["service.app.hit_ratio"]
        assert abs(hits[before].mean() - HITS) < 0.04, "nine of ten are hits while all is well"
        if RANGE.region(load) is Region.VULNERABLE:
            assert hits[end].mean() < 0.05, "an empty cache stays empty"
    assert not is_lost(losses.read_through), "late answers that are kept heal it"
    levels = [ratio[-10:].mean() for ratio in losses.cold.values()]
    assert levels == sorted(levels) and levels[0] < 0.8 < levels[-1], "the slower the backend, the longer it is cold"


@style.in_house
def figure(losses: Losses) -> Figure:
    """Where the look-aside cache ends, its way back when late answers are kept, and Brooker's cold cache."""
    drawn, (loads, rescue, cold) = panels(
        "Losing the cache for ten seconds loses it for ever above the 30 queries/s that the database does alone, "
        "unless late answers are kept",
        1,
        3,
        height=4.6,
    )
    _by_load(loads, losses.look_aside)
    _rescue(rescue, losses)
    _cold(cold, losses.cold)
    return drawn


def _by_load(axes: Axes, runs: Mapping[int, Result]) -> None:
    top = 300
    axes.axvspan(RANGE.low, RANGE.high, color=style.VERMILLION, alpha=0.10, linewidth=0)
    axes.plot([0, top], [0, top], color=style.MUTED, linewidth=1, linestyle="--")
    for load, result in runs.items():
        colour = style.VERMILLION if is_lost(result) else style.BLUE
        axes.plot(load, result.series["goodput"][-20:].mean(), "o", color=colour, markersize=8)
    axes.text(165, 265, "vulnerable", ha="center", color=style.VERMILLION, fontweight="bold")
    axes.set(xlim=(0, top), ylim=(-10, top), xlabel="requests/s")
    axes.set_title("goodput (1/s) a minute after")


def _rescue(axes: Axes, losses: Losses) -> None:
    load, trapped = max(losses.look_aside.items())
    for result, colour in ((trapped, style.VERMILLION), (losses.read_through, style.BLUE)):
        axes.plot(result.series["goodput"], color=colour, linewidth=1.6)
    style.shade(axes, trapped.scenario, named=False)
    axes.text(118, 18, "given up", ha="right", color=style.VERMILLION, fontweight="bold")
    axes.text(118, 285, "kept", ha="right", color=style.BLUE, fontweight="bold")
    axes.set(xlim=(0, SECONDS), ylim=(-10, 310), xlabel="time (s)")
    axes.set_title(f"goodput (1/s) at {load}/s: late answers are …")


def _cold(axes: Axes, cold: Mapping[int, Rates]) -> None:
    colours = (style.VERMILLION, style.ORANGE, style.PURPLE, style.BLUE)
    for (limit, ratio), colour in zip(cold.items(), colours, strict=True):
        axes.plot(np.arange(SHOWN) + 0.5, 100 * ratio, color=colour, linewidth=1.6, label=f"{limit}/s")
    axes.axvline(FLUSHED_AT, color=style.FAULT, linewidth=1.5)
    axes.legend(title="backend", loc="lower right")
    axes.set(xlim=(0, SHOWN), ylim=(0, 100), xlabel="time (s)")
    axes.set_title("hits (%), 1,000 requests/s, flushed at 4 s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Lose the caches, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    losses = play(seed=chosen.seed, loads=LOADS)
    for load, result in losses.look_aside.items():
        print(f"look-aside, {load:>3}/s: {'lost for good' if is_lost(result) else 'comes back'}")
    print(f"late answers kept, {max(losses.look_aside)}/s: {losses.read_through.verdict.word}")
    for limit, ratio in losses.cold.items():
        print(f"backend {limit:>3}/s: hits {ratio[5]:.2f} one second after the flush, {ratio[-1]:.2f} at the end")
    check(losses)
    chosen.save(figure(losses), "cache_loss")


if __name__ == "__main__":
    main()
