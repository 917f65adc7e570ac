"""Ten seconds of trouble, and retries keep a service down for ever: three published storms, and what ends them.

When every try times out, a call makes R+1 of them. A service with capacity C that goes on working for callers who have
left is then offered λ(1+R): above C the bad state feeds itself, below C the good one exists too. So loads between
C/(1+R) and C are *vulnerable*: which of the two states holds depends on the past.

- ``retry-storm``, shipped with stormlab: a demand that triples for 10 s, against three client policies.
- The example of Bronson et al.: 300 queries/s of capacity, one retry after 1 s, 10 s of network outage after which
  everything that was sent arrives. Stable below 150/s, vulnerable up to 300/s; shedding load to below 150/s ends it.
- The trigger of Huang et al.: a FIFO server in front of 4 immediate retries loses 77.5 % or 80 % of its processor for
  10 s. Played at 1/100 of its 6,200 calls/s, with the capacity (16,000/s) that makes a fluid model fit the paper. There
  78 % recover and 80 % do not; here the border lies just below 78 %, because callers who queue when the cut ends go on
  timing out for 2 s more, which the fluid model leaves out.

Sources: "Metastable Failures in Distributed Systems", HotOS'21 (doi.org/10.1145/3458336.3465286);
"Metastable Failures in the Wild", OSDI'22 (usenix.org/conference/osdi22/presentation/huang-lexiang), section 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.api import load
from stormlab.report import style
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.series import Column
from stormlab.sim.theory.retries import Region, vulnerable_to_retries
from stormlab.sim.theory.stability import Stall
from stormlab.sim.world import run

ENDLESS = 1_000_000
VARIANTS = ("naive", "no-retries", "budget")
SEEDS = 5

BRONSON_CAPACITY = 300.0
BRONSON_LOADS = (60, 90, 120, 130, 170, 200, 240, 280)
BRONSON_RANGE = vulnerable_to_retries(capacity=BRONSON_CAPACITY, retries=1)

SHED_DEMAND, SHARES, SHED_AT, SHED_FOR = 200, (0.2, 0.65), 25.0, 40.0

HUANG_SCALE = 100
HUANG_CUTS = (0.775, 0.80)


def bronson(rate: float, *, seconds: float = 100.0, interventions: Sequence[Mapping[str, Any]] = ()) -> Scenario:
    """The retry example of HotOS'21 at ``rate`` queries/s."""
    return Scenario.model_validate(
        {
            "title": "A network outage of ten seconds, and one retry",
            "run": {"duration": seconds, "recover_within": seconds},
            "services": {
                "db": {
                    "workers": 30,
                    "service_time": {"kind": "fixed", "mean": 0.1},
                    "queue": {"limit": ENDLESS},
                }
            },
            "clients": {
                "app": {
                    "target": "db",
                    "arrivals": {"kind": "paced", "rate": rate},
                    "policies": [
                        {"kind": "retry", "max_retries": 1, "backoff": {"kind": "none"}},
                        {"kind": "timeout", "seconds": 1.0},
                    ],
                }
            },
            "faults": [{"name": "outage", "kind": "pause", "target": "db", "at": 10, "for": 10}],
            "interventions": list(interventions),
        }
    )


def shedding(share: float, *, at: float, seconds: float) -> dict[str, Any]:
    """Operators turn ``share`` of the requests away for a while."""
    return {"name": "shed load", "kind": "block", "target": "app", "at": at, "for": seconds, "share": share}


def huang(cut: float) -> Scenario:
    """The trigger experiment of OSDI'22, section 5.2: ``cut`` is the share of the capacity that is lost for 10 s."""
    return Scenario.model_validate(
        {
            "title": "A server loses most of its processor for ten seconds",
            "run": {"duration": 90, "recover_within": 50},
            "services": {
                "mongo": {
                    "workers": 2,
                    "service_time": {"kind": "fixed", "mean": 2 * HUANG_SCALE / 16_000},
                    "queue": {"limit": ENDLESS},
                }
            },
            "clients": {
                "app": {
                    "target": "mongo",
                    "arrivals": {"kind": "paced", "rate": 6_200 / HUANG_SCALE},
                    "policies": [
                        {"kind": "retry", "max_retries": 4, "backoff": {"kind": "none"}},
                        {"kind": "timeout", "seconds": 3.0},
                    ],
                }
            },
            "faults": [{"kind": "capacity", "target": "mongo", "at": 20, "for": 10, "speed": 1 - cut}],
        }
    )


def fluid(cut: float) -> Stall:
    """The fluid model of the same experiment."""
    return Stall(load=6_200, capacity=16_000, remaining=1 - cut, duration=10, timeout=3, retries=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storms:
    """Runs of all three: by variant (one per seed), by load, and by share of the capacity that was cut."""

    shipped: Mapping[str, Sequence[Result]]
    bronson: Mapping[int, Result]
    shed: Mapping[float, Result]
    huang: Mapping[float, Result]


def play(*, seed: int, seeds: int = SEEDS, loads: Sequence[int] = BRONSON_LOADS) -> Storms:
    """Everything once, the shipped scenario with ``seeds`` seeds."""
    variants = {name: load("retry-storm", variant=name) for name in VARIANTS}
    remedies = {share: [shedding(share, at=SHED_AT, seconds=SHED_FOR)] for share in SHARES}
    return Storms(
        shipped={name: [run(scenario, seed=seed + n) for n in range(seeds)] for name, scenario in variants.items()},
        bronson={rate: run(bronson(rate), seed=seed) for rate in loads},
        shed={
            share: run(bronson(SHED_DEMAND, seconds=80.0, interventions=remedy), seed=seed)
            for share, remedy in remedies.items()
        },
        huang={cut: run(huang(cut), seed=seed) for cut in HUANG_CUTS},
    )


def check(storms: Storms) -> None:
    """Assert the findings."""
    outcome = {name: [one.verdict.word for one in runs] for name, runs in storms.shipped.items()}
    assert set(outcome["naive"]) == {"metastable"}, "the storm outlives its trigger"
    assert set(outcome["no-retries"] + outcome["budget"]) <= {"recovered", "unaffected"}, "no storm, no lasting harm"
    for rate, result in storms.bronson.items():
        trapped = BRONSON_RANGE.region(rate) is Region.VULNERABLE
        assert trapped == (result.verdict.word == "metastable"), f"{rate} queries/s"
        tail = slice(-20, None)
        attempts, goodput = (result.series[name][tail].mean() / rate for name in ("attempts", "goodput"))
        assert abs(attempts - (2 if trapped else 1)) < 0.02 and abs(goodput - (0 if trapped else 1)) < 0.02
    too_little, enough = (storms.shed[share].series["goodput"][-10:].mean() for share in SHARES)
    assert too_little < 0.02 * SHED_DEMAND < 0.98 * SHED_DEMAND < enough, "shedding helps once it goes below C/(1+R)"
    for cut, result in storms.huang.items():
        assert (result.verdict.word == "metastable") == fluid(cut).is_metastable, f"{cut:.1%} of the processor"


@style.in_house
def figure(storms: Storms) -> Figure:
    """One panel per storm, and one for the way out of Bronson's."""
    drawn, (shipped, loads, shed, trigger) = panels(
        "Ten seconds of trouble, and retries keep the service down for ever, "
        "unless they are limited or load falls below capacity / (retries + 1)",
        2,
        2,
        height=6.6,
    )
    _shipped(shipped, storms.shipped)
    _by_load(loads, storms.bronson)
    _shed(shed, storms.shed)
    _cuts(trigger, storms.huang)
    return drawn


def _shipped(axes: Axes, runs: Mapping[str, Sequence[Result]]) -> None:
    colours = dict(zip(VARIANTS, (style.VERMILLION, style.ORANGE, style.BLUE), strict=True))
    labels = dict(zip(VARIANTS, ("3 retries", "no retries", "retry budget"), strict=True))
    for name, results in runs.items():
        for result in results:
            axes.plot(_smooth(result.series["goodput"]), color=colours[name], linewidth=1.3, alpha=0.8)
    scenario = runs["naive"][0].scenario
    style.shade(axes, scenario, named=False)
    axes.set(xlim=(0, scenario.run.duration), ylim=(-2, 95), xlabel="time (s)")
    style.label_ends(axes, [(ends, labels[name], colours[name]) for name, ends in _ends(runs).items()], gap=0.09)
    axes.set_title("goodput (1/s): demand triples for 10 s")


def _ends(runs: Mapping[str, Sequence[Result]]) -> dict[str, float]:
    return {name: float(results[0].series["goodput"][-10:].mean()) for name, results in runs.items()}


def _by_load(axes: Axes, runs: Mapping[int, Result]) -> None:
    low, high = BRONSON_RANGE.low, BRONSON_RANGE.high
    axes.axvspan(low, high, color=style.VERMILLION, alpha=0.10, linewidth=0)
    for rate, result in runs.items():
        colour = style.BLUE if result.verdict.word != "metastable" else style.VERMILLION
        axes.plot(rate, result.series["goodput"][-20:].mean(), "o", color=colour, markersize=8)
    axes.plot([0, high], [0, high], color=style.MUTED, linewidth=1, linestyle="--")
    axes.text(75, 265, "stable", ha="center", color=style.BLUE, fontweight="bold")
    axes.text(225, 265, "vulnerable", ha="center", color=style.VERMILLION, fontweight="bold")
    axes.text(225, 30, "down after the outage", ha="center", color=style.VERMILLION)
    axes.set(xlim=(0, high), ylim=(-10, high), xlabel="demand (queries/s); one retry, capacity 300/s")
    axes.set_title("goodput (1/s) a minute after a 10 s network outage")


def _shed(axes: Axes, runs: Mapping[float, Result]) -> None:
    ends = []
    for (share, result), colour in zip(runs.items(), (style.VERMILLION, style.BLUE), strict=True):
        axes.plot(_smooth(result.series["goodput"]), color=colour, linewidth=2)
        ends.append((float(result.series["goodput"][-1]), f"{share * 100:.0f} % shed", colour))
    scenario = next(iter(runs.values())).scenario
    style.shade(axes, scenario, named=False)
    axes.text(SHED_AT + 1, 230, "load shed at the edge", va="top", color=style.REMEDY, fontweight="bold")
    axes.set(xlim=(0, scenario.run.duration), ylim=(-5, 240), xlabel="time (s)")
    style.label_ends(axes, ends)
    axes.set_title(f"goodput (1/s) at {SHED_DEMAND} queries/s, with a way out")


def _cuts(axes: Axes, runs: Mapping[float, Result]) -> None:
    ends = []
    for (cut, result), colour in zip(runs.items(), (style.BLUE, style.VERMILLION), strict=True):
        goodput = _smooth(result.series["goodput"]) * HUANG_SCALE
        axes.plot(goodput, color=colour, linewidth=2)
        ends.append((float(goodput[-1]), f"−{cut * 100:.0f} % CPU", colour))
    scenario = next(iter(runs.values())).scenario
    style.shade(axes, scenario, named=False)
    axes.set(xlim=(0, scenario.run.duration), ylim=(-350, 17_500), xlabel="time (s)")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    style.label_ends(axes, ends)
    axes.set_title("goodput (1/s): two points of CPU decide, 4 retries")


def _smooth(rate: Column) -> Column:
    """Means of three seconds."""
    smooth: Column = np.convolve(np.pad(rate, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    return smooth


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the storms, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    storms = play(seed=chosen.seed, seeds=SEEDS, loads=BRONSON_LOADS)
    for name, results in storms.shipped.items():
        print(f"retry-storm, {name:<10} {', '.join(one.verdict.word for one in results)}")
    for rate, result in storms.bronson.items():
        goodput, attempts = (result.series[column][-20:].mean() for column in ("goodput", "attempts"))
        print(f"Bronson, {rate} queries/s: goodput {goodput:.0f}/s, attempts {attempts:.0f}/s, {result.verdict.word}")
    for share, result in storms.shed.items():
        print(
            f"Bronson, {SHED_DEMAND} queries/s, {share:.0%} shed: goodput {result.series['goodput'][-10:].mean():.0f}/s"
        )
    for cut, result in storms.huang.items():
        print(f"Huang, −{cut * 100:.0f} % CPU: {result.verdict.word}")
    check(storms)
    chosen.save(figure(storms), "retry_storm")


if __name__ == "__main__":
    main()
