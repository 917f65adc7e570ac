"""Health checks that ask the dependency too turn its partial failure into a total outage; failing open prevents it.

Ten servers of 100 requests/s share 600 requests/s. One request in ten needs the database, which fails 70 % of its
queries for a minute. Every 5 s each server is checked; two failures in a row take it out of rotation, two passes
bring it back. A check waits in the server's queue and fails when that takes more than 1 s.

- *shallow* checks look at the server alone: 7 % of the requests fail, those that need the database and do not get it;
- *deep* checks query the database: healthy servers leave together, the rest is overloaded, fails its checks because of
  that, and leaves as well: the checks cascade;
- *deep, failing open*: with fewer than half of the servers healthy the balancer distrusts the checks and uses them all
  (Envoy's panic threshold, 50 %).

Time goes in steps of 0.1 s. Sources: "Cloud Native Go", chapter 9 (deep health checks, failing open);
envoyproxy.io, panic threshold; aws.amazon.com/builders-library/implementing-health-checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.report import style

SERVERS, CAPACITY, LOAD, DEPENDENT = 10, 100.0, 600.0, 0.1
BROKEN, BEGINS, ENDS, SECONDS = 0.7, 30.0, 90.0, 150.0
EVERY, LATE, QUEUE, STEP = 5.0, 1.0, 200, 0.1

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Whether checks are ``deep``, and below which share of healthy servers they are ignored."""

    deep: bool
    panic: float = 0.0


KINDS = {
    "shallow": Checks(deep=False),
    "deep": Checks(deep=True),
    "deep, failing open": Checks(deep=True, panic=0.5),
}
COLOURS = dict(zip(KINDS, (style.GREEN, style.VERMILLION, style.BLUE), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Share of the requests that succeed, and servers in rotation, both per second."""

    success: Numbers
    healthy: Numbers


class Fleet:
    """The servers, their queues and what the balancer thinks of them."""

    def __init__(self, checks: Checks, draws: np.random.Generator) -> None:
        self._checks = checks
        self._draws = draws
        self._queue = np.zeros(SERVERS)
        self._streak = np.zeros(SERVERS, dtype=int)
        self.healthy = np.ones(SERVERS, dtype=bool)

    def serve(self, failing: float) -> float:
        """Requests answered in time in one step while the database fails a share ``failing`` of its queries."""
        used = self.healthy if self.healthy.mean() >= self._checks.panic else np.ones(SERVERS, dtype=bool)
        arrivals = self._draws.poisson(LOAD * STEP)
        if used.any():
            self._queue[used] += self._draws.multinomial(arrivals, np.full(used.sum(), 1 / used.sum()))
        in_time = self._queue <= CAPACITY * LATE
        self._queue = np.minimum(self._queue, QUEUE)
        served = np.minimum(self._queue, CAPACITY * STEP)
        self._queue -= served
        return float(served[in_time].sum() * (1 - DEPENDENT * failing))

    def check(self, server: int, failing: float) -> None:
        """Look at one server; two results in a row that disagree with what is thought of it change that."""
        late = self._queue[server] > CAPACITY * LATE
        passed = not late and not (self._checks.deep and self._draws.random() < failing)
        self._streak[server] = self._streak[server] + 1 if passed != self.healthy[server] else 0
        if self._streak[server] == 2:
            self.healthy[server], self._streak[server] = passed, 0


def play(checks: Checks, *, seed: int, broken: float = BROKEN) -> Outcome:
    """One run; the servers are checked in turn, evenly spread."""
    fleet = Fleet(checks, np.random.default_rng(seed))
    answered, healthy = [], []
    between = round(EVERY / STEP / SERVERS)
    for step in range(round(SECONDS / STEP)):
        failing = broken if BEGINS <= step * STEP < ENDS else 0.0
        answered.append(fleet.serve(failing))
        healthy.append(fleet.healthy.sum())
        if step % between == 0:
            fleet.check(step // between % SERVERS, failing)
    per_second = np.array(answered).reshape(-1, round(1 / STEP)).sum(axis=1)
    return Outcome(success=per_second / LOAD, healthy=np.array(healthy)[:: round(1 / STEP)] * 1.0)


def during(outcome: Outcome) -> float:
    """Share of the requests that succeeded while the database was in trouble."""
    return float(outcome.success[int(BEGINS) : int(ENDS)].mean())


def check(outcomes: Mapping[str, Outcome]) -> None:
    """Assert the findings."""
    shallow, deep, open_ = (during(outcomes[name]) for name in KINDS)
    alone = 1 - DEPENDENT * BROKEN
    assert abs(shallow - alone) < 0.01, "shallow checks lose what needs the database"
    assert deep < 0.35, "deep checks lose nearly everything"
    assert open_ > shallow - 0.12, "failing open loses little more than shallow checks do"
    assert outcomes["deep"].healthy[int(BEGINS) : int(ENDS)].min() <= 2, "at times hardly a server is left"
    assert all(one.success[-30:].mean() > 0.98 for one in outcomes.values()), "all recover once the database has"


@style.in_house
def figure(outcomes: Mapping[str, Outcome]) -> Figure:
    """Success and servers in rotation."""
    lost = {name: 1 - during(one) for name, one in outcomes.items()}
    drawn = style.canvas(
        f"Deep health checks turn a failure of {lost['shallow']:.0%} of the requests into one of {lost['deep']:.0%}; "
        f"failing open keeps it at {lost['deep, failing open']:.0%}",
        f"requests that succeed (%), and servers in rotation · the database fails {BROKEN:.0%} of its queries",
        rows=2,
        height=5.4,
    )
    success, rotation = drawn.axes
    for name, one in outcomes.items():
        success.plot(100 * one.success, color=COLOURS[name], linewidth=1.8)
        rotation.step(np.arange(len(one.healthy)), one.healthy, color=COLOURS[name], linewidth=1.6, where="post")
    for axes in (success, rotation):
        axes.axvspan(BEGINS, ENDS, color=style.FAULT, alpha=0.16, linewidth=0)
    success.set(xlim=(0, SECONDS), ylim=(-3, 108))
    rotation.set(ylim=(-0.3, 11), xlabel="time (s)")
    middle = slice(int(BEGINS) + 10, int(ENDS))
    ends = [(100 * one.success[middle].mean(), name, COLOURS[name]) for name, one in outcomes.items()]
    style.label_ends(success, ends, gap=0.12)
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play every kind of check, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    outcomes = {name: play(checks, seed=chosen.seed) for name, checks in KINDS.items()}
    for name, one in outcomes.items():
        print(f"{name:<19} {during(one):.1%} succeed during the trouble")
    check(outcomes)
    chosen.save(figure(outcomes), "deep_health_checks")


if __name__ == "__main__":
    main()
