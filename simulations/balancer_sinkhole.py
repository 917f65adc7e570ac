"""A server that fails fast looks idle, and a balancer that prefers the least loaded sends it nearly everything.

Three servers take 150 requests/s; one of them answers every request with an error, at once, for ten seconds. Whoever
looks at the number of requests inside finds it empty every time:

- *round robin* sends it a third of the tries;
- *two choices* the two thirds of the pairs that hold it;
- *least loaded* nearly all of them, unless another one happens to be empty too.

Retries that are paid for by successes make up for a third of failures and run dry at more. Parameters:
github.com/marcbrooker/stability-sim (lb-sinkhole).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.api import load
from stormlab.report import style
from stormlab.scenario.result import Result
from stormlab.sim.world import run

VARIANTS = {"least loaded": "", "two choices": "two-choices", "round robin": "round-robin"}
COLOURS = dict(zip(VARIANTS, (style.VERMILLION, style.ORANGE, style.BLUE), strict=True))
RUNS = 3

Runs: TypeAlias = Mapping[str, Sequence[Result]]


def play(*, seed: int, runs: int = RUNS) -> Runs:
    """The shipped scenario with every way of balancing."""
    scenarios = {name: load("lb-sinkhole", variant=variant) for name, variant in VARIANTS.items()}
    return {name: [run(scenario, seed=seed + n) for n in range(runs)] for name, scenario in scenarios.items()}


def success(result: Result) -> float:
    """Share of the requests due during the fault that succeeded."""
    fault = result.scenario.faults[0]
    window = slice(int(fault.at), int(fault.until))
    return float(result.series["succeeded"][window].sum() / result.series["offered"][window].sum())


def check(runs: Runs) -> None:
    """Assert the findings."""
    least, two, turns = ([success(one) for one in runs[name]] for name in VARIANTS)
    assert max(least) < 0.3, "the broken server draws the traffic in"
    assert min(two) > 0.4 and max(two) < 0.7, "two choices meet it in two of three pairs"
    assert min(turns) > 0.98, "a third of failures can be retried away"
    for results in runs.values():
        for result in results:
            assert (result.series["succeeded"][20:55] / result.series["offered"][20:55]).mean() > 0.99, "no aftermath"


@style.in_house
def figure(runs: Runs) -> Figure:
    """Share of requests that succeed, second by second."""
    lost = 1 - np.mean([success(one) for one in runs["least loaded"]])
    saved = 1 - np.mean([success(one) for one in runs["round robin"]])
    drawn = style.canvas(
        f"One of three servers fails fast: least-loaded balancing loses {lost:.0%} of the requests, "
        f"round robin {saved:.0%}",
        "requests that succeed in the end (%), by the second they were due · retries with a budget",
        height=4.2,
    )
    (axes,) = drawn.axes
    ends = []
    for name, results in runs.items():
        shares = [100 * one.series["succeeded"] / np.maximum(one.series["offered"], 1) for one in results]
        for share in shares:
            axes.plot(np.arange(len(share)) + 0.5, share, color=COLOURS[name], linewidth=1.2, alpha=0.8)
        ends.append((float(np.mean([share[8:18].mean() for share in shares])), name, COLOURS[name]))
    style.shade(axes, runs["least loaded"][0].scenario)
    axes.set(xlim=(0, 30), ylim=(0, 112), xlabel="time (s)")
    style.label_ends(axes, ends)
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play every way of balancing, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    runs = play(seed=chosen.seed, runs=RUNS)
    for name, results in runs.items():
        print(f"{name:<13} {', '.join(f'{success(one):.1%}' for one in results)} succeed during the fault")
    check(runs)
    chosen.save(figure(runs), "balancer_sinkhole")


if __name__ == "__main__":
    main()
