"""One server fails, the survivors share its load, fall over in turn, and are never up together again.

Each of n servers can answer C requests/s and runs at utilisation u. When k of them fail, a balancer splits the load
over the others, which then run at u·n/(n−k). Above 1 their queues grow; a server whose queue outgrows its memory (here
one second of work) crashes too, and leaves still more for the rest. So

- the fleet cascades if and only if u·n/(n−k) > 1: two servers at 60 % do, two at 45 % do not;
- capacity for the load is not enough to come back: whoever has restarted first faces the whole load alone. No client
  retries here; the loop is restart, overload, crash.

Requests arrive at random, service is even, time goes in steps of 0.1 s. Sources: "Cloud Native Go", chapter 9 (two
servers at 600 requests/s); sre.google/sre-book/addressing-cascading-failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.report import style

CAPACITY = 1_000.0
MEMORY = 1_000
FAILS_AT = 10.0
STEP = 0.1
SECONDS = 120.0

FLEETS = range(2, 13)
UTILISATIONS = np.linspace(0.30, 0.98, 35)

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened to several fleets side by side: ``up`` and ``served`` (1/s) are [step, fleet, server]."""

    up: Flags
    served: Numbers

    @property
    def crashed(self) -> Flags:
        """Whether each fleet lost more than the servers that failed by themselves."""
        never_failed = self.up[int(FAILS_AT / STEP) - 1 :].all(axis=0).sum(axis=1)
        at_failure = self.up[int(FAILS_AT / STEP)].sum(axis=1)
        fallen: Flags = never_failed < at_failure
        return fallen

    @property
    def goodput(self) -> Numbers:
        """Answers per s of the first fleet, per second."""
        rate: Numbers = self.served[:, 0].sum(axis=1).reshape(-1, int(1 / STEP)).mean(axis=1)
        return rate


def play(
    loads: Sequence[float],
    *,
    servers: int,
    failing: int = 1,
    outage: float = 20.0,
    restart: float = 30.0,
    seconds: float = SECONDS,
    seed: int = 1,
) -> Run:
    """Fleets of ``servers`` under each of ``loads`` (requests/s of the whole fleet).

    The first ``failing`` servers are away for ``outage`` s from :data:`FAILS_AT` on; one that crashes is away for
    ``restart`` s and comes back empty.
    """
    draws = np.random.default_rng(seed)
    queue, away = np.zeros((2, len(loads), servers))
    up_log, served_log = [], []
    load = np.asarray(loads, dtype=float)[:, None]
    for step in range(round(seconds / STEP)):
        away = np.maximum(away - STEP, 0.0)
        if step == round(FAILS_AT / STEP):
            away[:, :failing] = outage
        up = away < STEP / 2
        alive = np.maximum(up.sum(axis=1, keepdims=True), 1)
        queue = np.where(up, queue + draws.poisson(load * STEP / alive, queue.shape), 0.0)
        served = np.minimum(queue, CAPACITY * STEP)
        queue -= served
        away = np.where(queue > MEMORY, restart, away)
        up_log.append(up)
        served_log.append(served / STEP)
    return Run(up=np.array(up_log), served=np.array(served_log))


def cascade_map(*, failing: int, seed: int) -> dict[int, Flags]:
    """For each size of fleet, at which of :data:`UTILISATIONS` it cascades when ``failing`` servers fail for good."""
    return {
        servers: play(
            (UTILISATIONS * servers * CAPACITY).tolist(),
            servers=servers,
            failing=failing,
            outage=np.inf,
            restart=np.inf,
            seed=seed,
        ).crashed
        for servers in FLEETS
        if servers > failing
    }


def survivors_utilisation(utilisation: Numbers, *, servers: int, failing: int) -> Numbers:
    """u·n/(n−k), the load of each survivor relative to its capacity."""
    return utilisation * servers / (servers - failing)


def check(pairs: dict[float, Run], maps: dict[int, dict[int, Flags]]) -> None:
    """Assert the findings on two servers at each utilisation, and on the maps by number of failing servers."""
    cascade, survival = pairs[0.6], pairs[0.45]
    late = slice(20, None)
    assert cascade.crashed.all() and not survival.crashed.any()
    assert not cascade.up[int(20 / STEP) :, 0].all(axis=1).any(), "the two are never up together again"
    assert cascade.goodput[late].mean() < 0.5 * 1_200, "more than half of the load is lost for good"
    assert survival.goodput[late].mean() > 0.99 * 900, "at 45 % one carries the load of both"
    for failing, fleets in maps.items():
        for servers, crashed in fleets.items():
            load = survivors_utilisation(UTILISATIONS, servers=servers, failing=failing)
            decided = abs(load - 1) > 0.02
            assert (crashed == (load > 1))[decided].all(), "a fleet cascades if and only if u·n/(n−k) > 1"


@style.in_house
def figure(pairs: dict[float, Run], fleets: dict[int, Flags]) -> Figure:
    """Left: two servers after one fails; right: which fleets cascade."""
    drawn, (pair, plane) = panels(
        "Two servers at 60 %: when one fails the other follows, and they are never up together again. "
        "A fleet survives only below u = (n−1)/n",
        1,
        2,
        height=4.6,
    )
    _pair(pair, pairs)
    _plane(plane, fleets)
    return drawn


def _pair(axes: Axes, pairs: dict[float, Run]) -> None:
    colours = {0.6: style.VERMILLION, 0.45: style.BLUE}
    for utilisation, run in pairs.items():
        axes.plot(run.goodput, color=colours[utilisation], linewidth=1.8)
    axes.axvspan(FAILS_AT, FAILS_AT + 20, color=style.FAULT, alpha=0.16, linewidth=0)
    axes.text(FAILS_AT + 0.5, 1_430, "one is away", va="top", color=style.FAULT, fontsize=9, fontweight="bold")
    axes.text(118, 1_270, "2 × 450/s: survives", ha="right", color=style.BLUE, fontweight="bold")
    axes.text(118, 1_350, "2 × 600/s: cascades", ha="right", color=style.VERMILLION, fontweight="bold")
    axes.set(xlim=(0, SECONDS), ylim=(0, 1_450), xlabel="time (s)")
    axes.set_title(f"answers per s of two servers, {CAPACITY:,.0f}/s each")


def _plane(axes: Axes, fleets: dict[int, Flags]) -> None:
    for servers, crashed in fleets.items():
        for where, colour in ((crashed, style.VERMILLION), (~crashed, style.BLUE)):
            axes.plot(np.full(where.sum(), servers), UTILISATIONS[where] * 100, "s", color=colour, markersize=4)
    sizes = np.linspace(2, max(FLEETS), 100)
    axes.plot(sizes, 100 * (sizes - 1) / sizes, color=style.INK)
    axes.text(8.2, 96, "cascades", color=style.VERMILLION, fontweight="bold", va="center", bbox=_PLATE)
    axes.text(8.2, 60, "survives", color=style.BLUE, fontweight="bold", va="center", bbox=_PLATE)
    axes.text(4.3, 72, "theory: u = (n−1)/n", color=style.INK, fontweight="bold", bbox=_PLATE)
    axes.set(xlim=(1.5, max(FLEETS) + 0.5), ylim=(28, 100), xlabel="servers n")
    axes.set_title("utilisation before one of n fails (%)")


_PLATE = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 2}


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the pairs and the fleets, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    pairs = {u: play([u * 2 * CAPACITY], servers=2, seed=chosen.seed) for u in (0.6, 0.45)}
    maps = {failing: cascade_map(failing=failing, seed=chosen.seed) for failing in (1, 2)}
    for utilisation, run in pairs.items():
        print(f"2 servers at {utilisation:.0%}: {run.goodput[20:].mean():,.0f} answers/s after one failed")
    for failing, fleets in maps.items():
        for servers, crashed in fleets.items():
            print(f"{failing} of {servers:>2} fail: cascade from u = {UTILISATIONS[crashed].min():.2f}")
    check(pairs, maps)
    chosen.save(figure(pairs, maps[1]), "overload_cascade")


if __name__ == "__main__":
    main()
