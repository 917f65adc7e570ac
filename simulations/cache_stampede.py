"""When a popular entry expires, everyone who asks before it is back asks the database too.

A key that is asked for λ times a second and takes S s to fetch costs 1 + λS queries each time it expires, because all
who come in the meantime miss as well (the first comer and, at random, λS others). One query per key at a time
(coalescing, single flight) costs one, whatever the load. The answers that come late renew the entry once more, so one
cycle lasts the time to live plus up to 2S.

Here λ = 200/s, the entry lives 5 s, and S grows from 0.05 s to 1 s. Mechanism: cache-stampede of
github.com/marcbrooker/stability-sim; Nishtala et al., "Scaling Memcache at Facebook", NSDI'13 (leases).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.report import style
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.sim.world import run

RATE, TTL, SECONDS = 200.0, 5.0, 60
FETCHES = (0.05, 0.25, 0.5, 1.0)


def hot_key(fetch: float, *, coalesce: bool) -> Scenario:
    """One key behind a cache; a fetch takes ``fetch`` s."""
    return Scenario.model_validate(
        {
            "title": "A popular entry expires",
            "run": {"duration": SECONDS},
            "services": {
                "app": {
                    "workers": 100_000,
                    "service_time": {"kind": "fixed", "mean": 0.0},
                    "calls": [{"target": "db", "cache": {"capacity": 1, "ttl": TTL, "coalesce": coalesce}}],
                },
                "db": {"workers": 100_000, "service_time": {"kind": "fixed", "mean": fetch}},
            },
            "clients": {
                "web": {
                    "target": "app",
                    "arrivals": {"kind": "poisson", "rate": RATE},
                    "keys": {"kind": "uniform", "count": 1},
                }
            },
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stampede:
    """What the database saw: its queries in each second, and how many each expiry cost on average."""

    result: Result
    per_expiry: float


def stampede(fetch: float, *, coalesce: bool, seed: int) -> Stampede:
    """Play one run; an expiry is a second in which queries begin after one in which none did."""
    result = run(hot_key(fetch, coalesce=coalesce), seed=seed)
    queries = result.series["service.db.completions"]
    grouped = np.flatnonzero(queries > 0)
    expiries = 1 + int((np.diff(grouped) > 1).sum())
    return Stampede(result=result, per_expiry=float(queries.sum() / expiries))


Stampedes: TypeAlias = Mapping[float, tuple[Stampede, Stampede]]


def play(*, seed: int) -> Stampedes:
    """By time to fetch: everyone for himself, and coalesced."""
    return {
        fetch: (stampede(fetch, coalesce=False, seed=seed), stampede(fetch, coalesce=True, seed=seed))
        for fetch in FETCHES
    }


def expected(fetch: float) -> float:
    """1 + λS queries per expiry."""
    return 1 + RATE * fetch


def check(stampedes: Stampedes) -> None:
    """Assert the findings."""
    for fetch, (herd, single) in stampedes.items():
        assert abs(herd.per_expiry / expected(fetch) - 1) < 0.15, "1 + λS queries per expiry"
        assert single.per_expiry == 1, "coalesced it is one"


@style.in_house
def figure(stampedes: Stampedes) -> Figure:
    """Queries per expiry against the time to fetch, and when they come."""
    herd, single = stampedes[0.5]
    drawn, (law, time) = panels(
        f"A popular entry that expires costs {herd.per_expiry:.0f} queries when each takes half a second, "
        "and one when they are coalesced",
        1,
        2,
        height=4.4,
    )
    grid = np.linspace(0, 1.05, 50)
    law.plot(grid, [expected(fetch) for fetch in grid], color=style.INK, linewidth=1.2, linestyle="--")
    law.plot(
        list(stampedes), [one.per_expiry for one, _ in stampedes.values()], "o", color=style.VERMILLION, markersize=8
    )
    law.plot(list(stampedes), [one.per_expiry for _, one in stampedes.values()], "o", color=style.BLUE, markersize=8)
    law.text(0.55, 135, "1 + λS", ha="right", color=style.INK, fontweight="bold")
    law.text(0.7, 12, "coalesced", color=style.BLUE, fontweight="bold")
    law.set(xlim=(0, 1.05), ylim=(-6, 240), xlabel="time to fetch S (s)")
    law.set_title(f"queries per expiry at λ = {RATE:.0f}/s")
    for one, colour in ((herd, style.VERMILLION), (single, style.BLUE)):
        time.stairs(one.result.series["service.db.completions"][:30], color=colour, fill=True)
    time.set(xlim=(0, 30), ylim=(0, 130), xlabel="time (s)")
    time.set_title("queries answered in each second, S = 0.5 s (blue: coalesced)")
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play all runs, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    stampedes = play(seed=chosen.seed)
    for fetch, (herd, single) in stampedes.items():
        print(f"S = {fetch:<4} s: {herd.per_expiry:.1f} queries per expiry ({expected(fetch):.0f} by formula), "
              f"coalesced {single.per_expiry:.1f}")  # fmt: skip
    check(stampedes)
    chosen.save(figure(stampedes), "cache_stampede")


if __name__ == "__main__":
    main()
