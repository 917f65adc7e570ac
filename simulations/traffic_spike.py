"""Half a million people look within minutes of a storm warning: what is left of the site decides how many see the page.

The warning goes out at 0 s; the rate of first visits is that of a Γ(2) pulse, N·t/τ²·e^(−t/τ) with τ = 150 s, at its
peak N/(τe) = 1,226/s. The site answers 400 pages/s. A visitor waits 10 s, reloads up to five times, then leaves; the
site does not notice and works for who has left. Four ways to meet that:

- *as it is*: everything queues, first come first served; soon each page is ready when nobody waits for it any more;
- *autoscaling*: three times the servers after five minutes; they work off a queue of people who have left;
- *shedding*: whoever would wait more than 5 s is told so at once and comes back after 20 s, doubled each time, with
  full jitter, up to ten times (the library's backoff);
- *a static page*: beyond 2 s of queue the answer is a page that costs a tenth.

Visitors are counted in cohorts of one second. Source: "Cloud Native Go" (the traffic spike of half a million users).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.policies.backoff import FullJitter
from stormlab.report import style

USERS, PULSE, SECONDS = 500_000, 150.0, 1_800
CAPACITY, PATIENCE, RELOADS = 400.0, 10, 5
SHED_WAIT, STATIC_WAIT, STATIC_COST, RETURNS = 5.0, 2.0, 0.1, 10
BACKOFF = FullJitter(base=20.0, cap=600.0)

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the site does: capacity by time in s, and from which wait on it sheds or answers with the static page."""

    capacity: Callable[[int], float]
    sheds: float = math.inf
    simplifies: float = math.inf


SITES = {
    "as it is": Site(capacity=lambda _now: CAPACITY),
    "autoscaling": Site(capacity=lambda now: CAPACITY * (3 if now >= 300 else 1)),
    "shedding": Site(capacity=lambda _now: CAPACITY, sheds=SHED_WAIT),
    "static page": Site(capacity=lambda _now: CAPACITY, simplifies=STATIC_WAIT),
}
COLOURS = dict(zip(SITES, (style.VERMILLION, style.ORANGE, style.PURPLE, style.BLUE), strict=True))


@dataclass(slots=True)
class Cohort:
    """Visitors who came at the same second with the same number of tries behind them, and how many still queue."""

    came: int
    tries: int
    cost: float
    left: int
    abandoned: bool = False


def first_visits(*, seed: int, users: int = USERS) -> list[int]:
    """How many of ``users`` come first in each second of the run."""
    times = np.random.default_rng(seed).gamma(2.0, PULSE, users)
    return list(map(int, np.bincount(times[times < SECONDS].astype(int), minlength=SECONDS)))


class Queue:
    """First come, first served, by cohorts."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._draws = np.random.default_rng(seed)
        self._queue: deque[Cohort] = deque()
        self._work, self._spare = 0.0, 0.0
        self._due: dict[int, list[Cohort]] = {}
        self.returning: defaultdict[int, Counter[int]] = defaultdict(Counter)

    def arrive(self, now: int, tries: int, count: int) -> None:
        """Let in, or turn away, ``count`` visitors."""
        capacity = self._site.capacity(now)
        room = max(0, math.floor(self._site.sheds * capacity - self._work)) if self._site.sheds < math.inf else count
        if turned_away := count - min(count, room):
            self._come_again(now, tries, turned_away)
        cost = STATIC_COST if self._work > self._site.simplifies * capacity else 1.0
        if admitted := min(count, room):
            cohort = Cohort(came=now, tries=tries, cost=cost, left=admitted)
            self._queue.append(cohort)
            self._work += cost * admitted
            self._due.setdefault(now + PATIENCE, []).append(cohort)

    def serve(self, now: int) -> int:
        """Work for one second; how many pages came in time."""
        self._spare = min(self._spare, 1.0) + self._site.capacity(now)
        in_time = 0
        while self._queue and self._spare >= self._queue[0].cost:
            first = self._queue[0]
            done = min(first.left, int(self._spare / first.cost))
            self._spare -= done * first.cost
            self._work -= done * first.cost
            first.left -= done
            in_time += 0 if first.abandoned else done
            if not first.left:
                self._queue.popleft()
        return in_time

    def give_up(self, now: int) -> None:
        """Those whose patience ends now reload, all but the last time."""
        for cohort in self._due.pop(now, ()):
            cohort.abandoned = True
            if cohort.left and cohort.tries < RELOADS:
                self.returning[now + 1][cohort.tries + 1] += cohort.left

    def _come_again(self, now: int, tries: int, count: int) -> None:
        """Full jitter spreads ``count`` visitors who were turned away evenly over the ceiling of their wait."""
        if tries >= RETURNS:
            return
        ceiling = int(min(BACKOFF.cap, BACKOFF.base * 2**tries))
        shares = self._draws.multinomial(count, np.full(ceiling, 1 / ceiling))
        for later, number in enumerate(shares.tolist(), start=1):
            self.returning[now + later][tries + 1] += number


def play(site: Site, *, seed: int, users: int = USERS) -> Numbers:
    """Pages that came in time, in each second."""
    queue, served = Queue(site, seed), np.zeros(SECONDS)
    for now, fresh in enumerate(first_visits(seed=seed, users=users)):
        queue.give_up(now)
        for tries, count in [(0, fresh), *sorted(queue.returning.pop(now, {}).items())]:
            if count:
                queue.arrive(now, tries, count)
        served[now] = queue.serve(now)
    return served


def check(served: Mapping[str, Numbers]) -> None:
    """Assert the findings."""
    shares = {name: float(one.sum()) / USERS for name, one in served.items()}
    asis, scaled, shed, simple = (shares[name] for name in SITES)
    assert asis < 0.05 and scaled < 0.1, "a queue of people who have left, with any number of servers"
    assert served["as it is"][400:700].mean() < 0.05 * CAPACITY, "busy for nobody"
    assert shed > 0.9, "everyone told to come later is served later, with the same servers"
    assert simple > 0.97, "a cheaper answer is an answer for all"
    assert all(one.sum() <= USERS for one in served.values()), "nobody is served twice"


@style.in_house
def figure(served: Mapping[str, Numbers]) -> Figure:
    """Pages in time per second, for every way to meet the spike."""
    percent = {name: one.sum() / USERS for name, one in served.items()}
    drawn = style.canvas(
        f"Half a million visitors: {percent['as it is']:.0%} see the page from a site that queues, "
        f"{percent['shedding']:.0%} if it sheds, {percent['static page']:.0%} if it falls back on a static page",
        f"pages in time per second (mean of 10 s) · dashed: first visits · capacity {CAPACITY:.0f}/s",
        height=4.8,
    )
    (axes,) = drawn.axes
    grid = np.arange(SECONDS)
    axes.plot(grid, USERS * grid / PULSE**2 * np.exp(-grid / PULSE), color=style.INK, linestyle="--", linewidth=1.2)
    for name, one in served.items():
        axes.plot(grid[::10] + 5, one.reshape(-1, 10).mean(axis=1), color=COLOURS[name], linewidth=1.9)
    places = dict(zip(SITES, (100, 400, 700, 1_000), strict=True))
    axes.set(xlim=(0, SECONDS), ylim=(-20, 1_500), xlabel="time since the warning (s)")
    style.label_ends(axes, [(places[name], f"{name} {percent[name]:.0%}", COLOURS[name]) for name in served])
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play every site, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    served = {name: play(site, seed=chosen.seed) for name, site in SITES.items()}
    for name, one in served.items():
        print(f"{name:<12} {one.sum():>9,.0f} of {USERS:,} saw the page in time ({one.sum() / USERS:.1%})")
    check(served)
    chosen.save(figure(served), "traffic_spike")


if __name__ == "__main__":
    main()
