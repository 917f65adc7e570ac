"""A process that slows down as its memory fills has two states; load has to fall far to get it out of the bad one.

Each of ten workers takes 8 ms × e^(s·u) at utilisation u = n/10 with n requests in work, as collecting garbage under
memory pressure does. n of them finish n/(8 ms × e^(s·n/10)) requests/s: for s = 4 at best 115/s, with n near 10/s
= 2.5, and only 23/s when all ten are busy. Between 23/s and 115/s both a short and a full queue sustain themselves. So

- load that rises and falls again shows hysteresis: good up to 40/s or 60/s, as chance has it,
  then lost until well below 23/s;
- a burst is enough at 40/s; with more memory (s = 1) more work in progress never means less done, and it is not.

Parameters: github.com/marcbrooker/stability-sim (gc-death-spiral); mechanism: Huang et al., OSDI'22, section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.api import load
from stormlab.report import style
from stormlab.scenario.result import Result
from stormlab.sim.world import run

WORKERS, SERVICE, STRENGTH = 10, 0.008, 4.0
TOP = 100.0
SHAPE = ((0.0, 0.1), (120.0, 1.0), (240.0, 0.1), (270.0, 0.1))
BURST = {"less memory": "less-load", "more memory": "more-memory"}
RUNS = 3


def throughput(busy: float, strength: float = STRENGTH) -> float:
    """Requests/s that ``busy`` of the workers finish."""
    return busy / (SERVICE * exp(strength * busy / WORKERS))


def loop(seed: int) -> Result:
    """Load up and down again; no retries, callers wait 1 s."""
    timeout = {"kind": "timeout", "seconds": 1.0}
    scenario = load("gc-death-spiral", overrides={"clients.web.arrivals.rate": TOP, "faults": [], "expect": []})
    raw = scenario.model_dump(by_alias=True)
    raw["clients"]["web"] |= {"policies": [timeout], "shape": [list(point) for point in SHAPE]}
    raw["run"] |= {"duration": SHAPE[-1][0]}
    return run(type(scenario).model_validate(raw), seed=seed)


def burst(variant: str, seed: int) -> Result:
    """A hundred requests at once, at 40/s."""
    return run(load("gc-death-spiral", variant=variant, overrides={"clients.web.arrivals.rate": 40.0}), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spirals:
    """Hysteresis loops, and bursts by amount of memory, one run per seed."""

    loops: Sequence[Result]
    bursts: Mapping[str, Sequence[Result]]


def play(*, seed: int, runs: int = RUNS) -> Spirals:
    """Everything with ``runs`` seeds."""
    seeds = range(seed, seed + runs)
    return Spirals(
        loops=[loop(one) for one in seeds],
        bursts={name: [burst(variant, one) for one in seeds] for name, variant in BURST.items()},
    )


def at(result: Result, demand: float, *, rising: bool) -> float:
    """Goodput relative to the demand in the ten seconds around the time when it was ``demand``, on one of the ways."""
    times, factors = zip(*(SHAPE[:2] if rising else SHAPE[1:3]), strict=True)
    order = slice(None) if rising else slice(None, None, -1)
    middle = int(np.interp(demand / TOP, factors[order], times[order]))
    window = slice(middle - 5, middle + 5)
    return float(result.series["goodput"][window].sum() / result.series["offered"][window].sum())


def check(spirals: Spirals) -> None:
    """Assert the findings."""
    best = max(throughput(busy) for busy in range(1, WORKERS + 1))
    assert round(best) in (113, 115) and round(throughput(WORKERS)) == 23
    for result in spirals.loops:
        assert at(result, 30, rising=True) > 0.95 and at(result, 30, rising=False) < 0.1, "30/s is good or lost"
        assert result.series["goodput"][-10:].mean() > 8, "far below 23/s it comes back"
    for result in spirals.bursts["less memory"]:
        assert result.verdict.word == "metastable", "a burst is enough"
    for result in spirals.bursts["more memory"]:
        assert result.verdict.word in {"unaffected", "recovered"}, "with more memory it is not"


@style.in_house
def figure(spirals: Spirals) -> Figure:
    """The throughput curve, the hysteresis loop, and the burst."""
    drawn, (curve, hysteresis, bursts) = panels(
        "Garbage collection under pressure: the load of 30 requests/s that is carried on the way up is lost "
        "on the way down, until far below 23",
        1,
        3,
        height=4.5,
    )
    _curve(curve)
    _loop(hysteresis, spirals.loops[0])
    _bursts(bursts, spirals.bursts)
    return drawn


def _curve(axes: Axes) -> None:
    busy = np.linspace(0, WORKERS, 101)
    for strength, colour, name in ((4.0, style.VERMILLION, "less memory"), (1.0, style.BLUE, "more memory")):
        axes.plot(busy, [throughput(one, strength) for one in busy], color=colour, linewidth=2)
        axes.text(
            9.8,
            throughput(WORKERS, strength) + {4.0: 45, 1.0: 12}[strength],
            name,
            ha="right",
            color=colour,
            fontweight="bold",
        )
    axes.set(xlim=(0, WORKERS), ylim=(0, 520), xlabel="requests in work")
    axes.set_title("throughput (1/s) by formula")


def _loop(axes: Axes, result: Result) -> None:
    smooth = np.convolve(result.series["goodput"], np.full(7, 1 / 7), mode="same")
    times, factors = zip(*SHAPE, strict=True)
    demand = np.interp(np.arange(len(smooth)) + 0.5, times, factors) * TOP
    peak = round(SHAPE[1][0])
    for part, colour in ((slice(4, peak), style.BLUE), (slice(peak, -4), style.VERMILLION)):
        axes.plot(demand[part], smooth[part], color=colour, linewidth=2)
    axes.axvline(throughput(WORKERS), color=style.MUTED, linewidth=1, linestyle="--")
    axes.text(28, 36, "up", ha="right", color=style.BLUE, fontweight="bold")
    axes.text(60, 5, "and down again", color=style.VERMILLION, fontweight="bold")
    axes.set(xlim=(0, TOP), ylim=(-3, TOP), xlabel="demand (1/s); dashed: 23/s")
    axes.set_title("goodput (1/s) as load goes …")


def _bursts(axes: Axes, bursts: Mapping[str, Sequence[Result]]) -> None:
    for (name, results), colour in zip(bursts.items(), (style.VERMILLION, style.BLUE), strict=True):
        for result in results:
            axes.plot(np.convolve(result.series["goodput"], np.full(3, 1 / 3), mode="same")[1:-1], color=colour)
        axes.text(58, {"less memory": 5, "more memory": 52}[name], name, ha="right", color=colour, fontweight="bold")
    axes.axvline(10, color=style.FAULT, linewidth=1.5)
    axes.set(xlim=(0, 60), ylim=(-2, 100), xlabel="time (s); burst at 10 s")
    axes.set_title(f"goodput (1/s) at 40/s, {len(bursts['less memory'])} runs each")


def main(arguments: Sequence[str] | None = None) -> None:
    """Play loops and bursts, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    spirals = play(seed=chosen.seed, runs=RUNS)
    for demand in (20, 30, 60, 80):
        up, down = (np.mean([at(one, demand, rising=rising) for one in spirals.loops]) for rising in (True, False))
        print(f"{demand:>3}/s: goodput {up:.0%} of the demand on the way up, {down:.0%} on the way down")
    for name, results in spirals.bursts.items():
        print(f"burst, {name}: {', '.join(one.verdict.word for one in results)}")
    check(spirals)
    chosen.save(figure(spirals), "gc_spiral")


if __name__ == "__main__":
    main()
