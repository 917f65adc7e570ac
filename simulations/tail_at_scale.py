"""One slow server in a hundred makes most requests slow once each asks a hundred; a second copy cuts the tail off.

If a server is slow with probability p, a request that waits for n of them is slow with 1 − (1−p)^n: 63 % for one in a
hundred at n = 100, 18 % for one in ten thousand at n = 2,000. A copy sent to another server after a delay d replaces
P(X > t) by P(X > t)·P(X > t − d), for P(X > d) more requests.

- BigTable, 100 servers per request: leaf latencies are log-normal with P(X > 10 ms) = 2 % (the published extra load of
  hedging after 10 ms) and a 99.9th percentile of the whole of 1,800 ms (published). The model then *predicts* the
  hedged percentile; 74 ms was measured.
- Hedging costs work. Ten servers, two choices, a copy after 0.2 s to whom the work of the loser is not taken back: fine
  at low load, fatal at half of the capacity, unless a budget limits the copies to 5 % of the requests.

Source: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import log_ticks, options, panels
from stormlab.policies import Hedge, Policy
from stormlab.report import style
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.sim.world import run

FANOUT, DELAY, EXTRA, PUBLISHED, HEDGED = 100, 10.0, 0.02, 1_800.0, 74.0
REQUESTS = 50_000
PATIENCE = 5.0
LOADS = (0.2, 0.35, 0.5, 0.65, 0.8)
HEDGES: dict[str, tuple[Policy, ...]] = {
    "no hedge": (),
    "hedge without limit": (Hedge(delay=0.2, budget=1.0, burst=1e6),),
    "hedge, 5 % budget": (Hedge(delay=0.2, budget=0.05, burst=5.0),),
}

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def slow(servers: int, *, probability: float) -> float:
    """Chance that at least one of ``servers`` is slow: 1 − (1−p)^n."""
    return -math.expm1(servers * math.log1p(-probability))


def leaf() -> tuple[float, float]:
    """μ and σ of ln(latency in ms): two published points of the tail, two parameters."""
    normal = NormalDist()
    near, far = normal.inv_cdf(1 - EXTRA), normal.inv_cdf(0.999 ** (1 / FANOUT))
    sigma = math.log(PUBLISHED / DELAY) / (far - near)
    return math.log(DELAY) - sigma * near, sigma


def leaves(draws: np.random.Generator, shape: tuple[int, ...], *, hedge: bool) -> Numbers:
    """Latencies of single servers in ms; with ``hedge`` the earlier of two copies, the second sent after the delay."""
    first = draws.lognormal(*leaf(), shape)
    return np.minimum(first, DELAY + draws.lognormal(*leaf(), shape)) if hedge else first


def whole(*, hedge: bool, seed: int, requests: int = REQUESTS) -> Numbers:
    """Latencies in ms of requests that wait for every server."""
    draws = np.random.default_rng(seed)
    blocks = [min(10_000, requests - start) for start in range(0, requests, 10_000)]
    return np.concatenate([leaves(draws, (count, FANOUT), hedge=hedge).max(axis=1) for count in blocks])


def fleet(load: float, policies: Sequence[Policy]) -> Scenario:
    """Ten servers of 0.1 s each at utilisation ``load`` before any copy."""
    raw: dict[str, Any] = {
        "title": "Hedging a loaded fleet",
        "run": {"duration": 60},
        "services": {
            "leaf": {
                "workers": 1,
                "replicas": 10,
                "balancing": "two-choices",
                "service_time": {"kind": "lognormal", "mean": 0.1, "cv": 1.5},
                "queue": {"limit": 100_000},
            }
        },
        "clients": {
            "web": {
                "target": "leaf",
                "arrivals": {"kind": "poisson", "rate": 100 * load},
                "policies": [{"kind": "timeout", "seconds": PATIENCE}, *policies],
            }
        },
    }
    return Scenario.model_validate(raw)


def p95(result: Result) -> float:
    """95th percentile of the latency in s, mean over the last 30 seconds; the timeout where nothing was answered."""
    return float(np.nan_to_num(result.series["latency.p95"][30:60], nan=PATIENCE).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Latencies in ms without and with hedging, and the loaded fleets by kind of hedge and utilisation."""

    plain: Numbers
    hedged: Numbers
    fleets: Mapping[str, Mapping[float, Result]]

    @property
    def cut(self) -> tuple[float, float]:
        """The 99.9th percentiles in ms, before and after."""
        before, after = (float(np.quantile(values, 0.999)) for values in (self.plain, self.hedged))
        return before, after


def play(*, seed: int, requests: int = REQUESTS, loads: Sequence[float] = LOADS) -> Tails:
    """Everything once."""
    return Tails(
        plain=whole(hedge=False, seed=seed, requests=requests),
        hedged=whole(hedge=True, seed=seed + 1, requests=requests),
        fleets={
            name: {load: run(fleet(load, policies), seed=seed) for load in loads} for name, policies in HEDGES.items()
        },
    )


def check(tails: Tails) -> None:
    """Assert the findings."""
    assert round(slow(100, probability=0.01), 3) == 0.634 and round(slow(2_000, probability=1e-4), 3) == 0.181
    before, after = tails.cut
    assert abs(before / PUBLISHED - 1) < 0.35, "calibrated on the published percentile"
    assert HEDGED / 2 < after < HEDGED * 1.5, "the prediction is near the measured 74 ms"
    none, free, paid = (tails.fleets[name] for name in HEDGES)
    low, high = min(none), max(none)
    assert p95(free[low]) < 0.95 * p95(none[low]), "with room to spare a copy helps"
    assert p95(free[high]) > 2 * p95(none[high]), "on a busy fleet it is the last straw"
    assert p95(paid[high]) < 1.5 * p95(none[high]), "a budget keeps the harm away"
    extra = free[high].series["attempts"][30:].sum() / free[high].series["offered"][30:].sum()
    assert extra > 1.3, "nearly every request is sent twice then"


@style.in_house
def figure(tails: Tails) -> Figure:
    """Fan-out, the hedged tail, and what hedging does to a loaded fleet."""
    before, after = tails.cut
    drawn, (fan, tail, loaded) = panels(
        f"A second copy after 10 ms cuts the 99.9th percentile from {before:,.0f} to {after:.0f} ms for 2 % more "
        "requests; without a budget it drowns a busy fleet",
        1,
        3,
        height=4.6,
    )
    _fan(fan)
    _tail(tail, tails)
    _loaded(loaded, tails.fleets)
    return drawn


def _fan(axes: Axes) -> None:
    servers = np.unique(np.geomspace(1, 2_000, 80).astype(int))
    for chance, colour in ((0.01, style.VERMILLION), (0.001, style.ORANGE), (1e-4, style.BLUE)):
        axes.plot(servers, [100 * slow(int(n), probability=chance) for n in servers], color=colour, linewidth=2)
        axes.text(
            1_900,
            100 * slow(2_000, probability=chance) - 9,
            f"{chance:.12g}",
            ha="right",
            color=colour,
            fontweight="bold",
        )
    axes.set(xscale="log", xlim=(1, 2_000), ylim=(0, 104), xlabel="servers per request")
    log_ticks(axes.xaxis, (1, 10, 100, 1_000))
    axes.set_title("requests with a slow server (%), by p")


def _tail(axes: Axes, tails: Tails) -> None:
    nines = np.linspace(0.3, 3, 60)
    for values, colour, name in ((tails.plain, style.VERMILLION, "plain"), (tails.hedged, style.BLUE, "hedged")):
        heights = np.quantile(values, 1 - 10**-nines)
        axes.plot(nines, heights, color=colour, linewidth=2)
        axes.text(2.95, heights[-1] * 0.42, name, ha="right", va="top", color=colour, fontweight="bold")
    axes.plot([3, 3], [PUBLISHED, HEDGED], "D", color=style.INK, clip_on=False, markersize=6)
    axes.set(yscale="log", xlim=(0.3, 3), xlabel="percentile; diamonds: published")
    axes.set_yticks([10, 100, 1_000], ["10", "100", "1,000"])
    axes.set_xticks([0.301, 1, 2, 3], ["p50", "p90", "p99", "p99.9"])
    axes.set_title("latency of 100 servers (ms)")


def _loaded(axes: Axes, fleets: Mapping[str, Mapping[float, Result]]) -> None:
    for (name, runs), colour in zip(fleets.items(), (style.INK, style.VERMILLION, style.BLUE), strict=True):
        axes.plot([100 * load for load in runs], [p95(one) for one in runs.values()], "o-", color=colour, label=name)
    axes.legend(loc="upper left")
    axes.set(yscale="log", xlabel="utilisation before hedging (%)")
    log_ticks(axes.yaxis, (0.2, 0.5, 1, 2, 5))
    axes.set_title("p95 of a fleet of ten (s)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Play everything, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    tails = play(seed=chosen.seed, requests=REQUESTS, loads=LOADS)
    before, after = tails.cut
    print(f"p99.9 of {FANOUT} servers: {before:,.0f} ms, hedged {after:.0f} ms (published: 1,800 and 74)")
    for name, runs in tails.fleets.items():
        print(f"{name:<20} " + ", ".join(f"{load:.0%}: p95 {p95(one):.2f} s" for load, one in runs.items()))
    check(tails)
    chosen.save(figure(tails), "tail_at_scale")


if __name__ == "__main__":
    main()
