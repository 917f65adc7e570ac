"""Variants ranked, and whether two worlds rank them alike.

A variant is better than another by its verdict; with the same verdict, by its success after the faults, when the
difference is larger than ``MARGIN`` and than chance (their 95 % intervals do not overlap). Otherwise they are level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from stormlab.report.league import Row
from stormlab.scenario.estimate import Estimate
from stormlab.scenario.vocabulary import Word

#: Differences of the share of successes up to this much are no difference.
MARGIN = 0.05
_ORDER = list(Word)


def order(one: Row, other: Row) -> int:
    """-1 when ``one`` is better than ``other``, 1 when it is worse, 0 when they are level."""
    words = _ORDER.index(one.word) - _ORDER.index(other.word)
    if words and not {one.word, other.word} <= {Word.UNAFFECTED, Word.RECOVERED}:
        return -1 if words < 0 else 1
    mine, theirs = one.success_after, other.success_after
    if not abs(mine.mean - theirs.mean) > MARGIN or _overlap(mine, theirs):
        return 0
    return -1 if mine.mean > theirs.mean else 1


def ranks(rows: Sequence[Row], world: str) -> dict[str, int]:
    """The rank of every variant in ``world``: 1 plus how many are better."""
    mine = [row for row in rows if row.world == world]
    return {row.variant: 1 + sum(order(other, row) < 0 for other in mine) for row in mine}


def reversals(rows: Sequence[Row]) -> list[tuple[str, str]] | None:
    """The pairs of variants that simulation and live put in opposite orders; ``None`` when there are not two worlds."""
    sim, live = ({row.variant: row for row in rows if row.world == world} for world in ("sim", "live"))
    common = [name for name in sim if name in live]
    if not common:
        return None
    return [
        (one, other)
        for one, other in combinations(common, 2)
        if order(sim[one], sim[other]) * order(live[one], live[other]) < 0
    ]


def _overlap(one: Estimate, other: Estimate) -> bool:
    """A single run has no interval: it is taken at its word."""
    bounds = (one.low, one.high, other.low, other.high)
    return not any(map(math.isnan, bounds)) and one.low <= other.high and other.low <= one.high
