"""The hysteresis loop: the load is stepped up, then down again, in one run. Does it matter where it came from?

A system with one steady state per load serves alike on both branches. Where it has two, a good and a bad one, the way
up stays on the good branch until that ends, and the way down on the bad one until the sustaining effect ends. For
retries on time-outs the good one ends at the capacity, the bad one where load × (1 + retries) falls below it (Bronson
et al., HotOS'21). Levels have to be held for longer than a full queue takes to drain, or a backlog looks like a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stormlab.errors import BadInput
from stormlab.scenario.model import Scenario
from stormlab.scenario.series import Series
from stormlab.sim import engines

#: A level is served when this share of its requests succeeds.
SERVED = 0.9

#: How long a step of the load takes, in s.
STEP = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """``n`` levels of load from ``low`` to ``high``, as factors of the stated one, each held for ``hold`` s."""

    low: float
    high: float
    n: int
    hold: float

    @classmethod
    def parse(cls, text: str, *, hold: float) -> Staircase:
        """``0.2:2:10``; raises BadInput for anything else."""
        try:
            low, high, n = text.split(":")
            stairs = cls(low=float(low), high=float(high), n=int(n), hold=hold)
        except ValueError:
            raise BadInput(f"--load {text}: write it as low:high:levels, for example 0.2:2:10") from None
        if not 0 < stairs.low < stairs.high < float("inf") or stairs.n < 3:
            raise BadInput(f"--load {text}: it needs three levels or more, and 0 < low < high")
        if not 2 <= hold < float("inf"):
            raise BadInput(f"--hold {hold:g}: hold every level for 2 s or more")
        return stairs

    @property
    def levels(self) -> list[float]:
        """Up, then down; the highest is held twice as long."""
        up = np.linspace(self.low, self.high, self.n).tolist()
        return [*up, *reversed(up)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level on the way up and on the way down: ``load`` in requests/s, the shares of them that succeeded."""

    factor: float
    load: float
    up: float
    down: float


def climb(scenario: Scenario, stairs: Staircase) -> Scenario:
    """``scenario`` without its faults and interventions, under the load of ``stairs``."""
    levels = stairs.levels
    shape = [
        point
        for step, level in enumerate(levels)
        for point in ([step * stairs.hold, level], [(step + 1) * stairs.hold - STEP, level])
    ]
    tree = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    tree |= {"faults": [], "interventions": [], "expect": []}
    tree["run"] |= {"duration": len(levels) * stairs.hold, "warmup": 0}
    for client in tree["clients"].values():
        client["shape"] = shape
    return Scenario.model_validate(tree)


def play(
    scenario: Scenario,
    stairs: Staircase,
    *,
    seeds: Sequence[int],
    engine: str = "auto",
    heard: Callable[[int, int], None] | None = None,
) -> list[Level]:
    """The levels from low to high, means over ``seeds``, from the second half of the time that each is held.

    Args:
        heard: is told how many seeds are done, and how many there are.
    """
    climbed = climb(scenario, stairs)
    engines.require(climbed, engine)
    found = []
    for seed in seeds:
        found.append(_shares(engines.run(climbed, engine=engine, seed=seed).series, stairs))
        if heard is not None:
            heard(len(found), len(seeds))
    offered, share = np.mean(found, axis=0)
    up, down = share[: stairs.n], share[stairs.n :][::-1]
    loads = (offered[: stairs.n] + offered[stairs.n :][::-1]) / 2
    rows = zip(stairs.levels[: stairs.n], loads, up, down, strict=True)
    return [Level(factor=factor, load=float(load), up=float(a), down=float(b)) for factor, load, a, b in rows]


def _shares(series: Series, stairs: Staircase) -> tuple[list[float], list[float]]:
    """Requests/s and the share that succeeded, of every level in the order in which they are played."""
    offered, share = [], []
    for step in range(2 * stairs.n):
        bins = slice(int(np.ceil((step + 0.5) * stairs.hold)), int((step + 1) * stairs.hold))
        asked = float(series["offered"][bins].sum())
        offered.append(asked / (bins.stop - bins.start))
        share.append(float(series["succeeded"][bins].sum()) / asked if asked else 1.0)
    return offered, share


def breaks(levels: Sequence[Level]) -> float | None:
    """The lowest load in requests/s that is not served on the way up."""
    return next((level.load for level in levels if level.up < SERVED), None)


def heals(levels: Sequence[Level]) -> float | None:
    """The highest load that is served on the way down, after one that was not."""
    falling = iter(reversed(levels))
    if all(level.down >= SERVED for level in levels):
        return levels[-1].load
    for level in falling:
        if level.down < SERVED:
            break
    return next((level.load for level in falling if level.down >= SERVED), None)


def finding(levels: Sequence[Level]) -> str:
    """What the loop shows, in a sentence."""
    broken, healed = breaks(levels), heals(levels)
    if broken is None:
        return f"No load up to {levels[-1].load:.3g}/s breaks it"
    if healed is None:
        return f"It breaks at {broken:.3g}/s and does not heal even at {levels[0].load:.3g}/s"
    between = [level for level in levels if healed < level.load < broken]
    if between:
        return f"It breaks at {broken:.3g}/s and heals only at {healed:.3g}/s: between them its past decides"
    return f"It breaks at {broken:.3g}/s and heals at {healed:.3g}/s: its past does not matter"


def as_json(levels: Sequence[Level]) -> dict[str, Any]:
    """What ``hysteresis.json`` holds."""
    return {
        "finding": finding(levels),
        "breaks": breaks(levels),
        "heals": heals(levels),
        "levels": [asdict(level) for level in levels],
    }
