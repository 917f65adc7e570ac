"""Redundant units: steady availability, mean time to failure with and without repair, common cause.

λ is the failure rate of one unit and μ its repair rate, in the same unit of time; mean times come out in that unit.
Failures and repairs are exponential. Formulas: Rausand, Høyland, *System Reliability Theory*, chapters on Markov
models and dependent failures; ``tests/theory/test_redundancy.py`` solves the chains again by linear algebra.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stormlab.sim.theory.domain import (
    require_count,
    require_not_negative,
    require_positive,
    require_probability,
)


class Standby(StrEnum):
    """What the second unit does while the first works: it runs too (and may fail), or it is off (and cannot)."""

    HOT = "hot"
    COLD = "cold"


def unit_availability(*, mttf: float, mttr: float) -> float:
    """A = MTTF/(MTTF+MTTR), times in the same unit."""
    require_positive(mttf=mttf)
    require_not_negative(mttr=mttr)
    return mttf / (mttf + mttr)


def series(availabilities: Sequence[float]) -> float:
    """Everything is needed: ∏A."""
    _require_all(availabilities)
    return math.prod(availabilities)


def parallel(availabilities: Sequence[float]) -> float:
    """One is enough: 1 − ∏(1−A)."""
    _require_all(availabilities)
    return 1 - math.prod(1 - availability for availability in availabilities)


def k_of_n(needed: int, units: int, availability: float) -> float:
    """``needed`` of ``units`` equal units are enough: Σ C(n,i)·p^i·q^(n−i) over i ≥ k."""
    require_count(least=0, needed=needed)
    require_count(least=0, units=units)
    require_probability(availability=availability)
    return math.fsum(
        math.comb(units, up) * availability**up * (1 - availability) ** (units - up) for up in range(needed, units + 1)
    )


def bridge(top_in: float, top_out: float, bottom_in: float, bottom_out: float, link: float) -> float:
    """Two paths of two units with a link across their middles, by conditioning on the link."""
    _require_all([top_in, top_out, bottom_in, bottom_out, link])
    with_link = parallel([top_in, bottom_in]) * parallel([top_out, bottom_out])
    without = parallel([top_in * top_out, bottom_in * bottom_out])
    return link * with_link + (1 - link) * without


def k_of_n_mttf(needed: int, units: int, *, failure_rate: float) -> float:
    """Mean time until fewer than ``needed`` of ``units`` hot units work, without repair: (1/λ)·Σ 1/i, i = k..n."""
    require_count(needed=needed)
    require_count(least=needed, units=units)
    require_positive(failure_rate=failure_rate)
    return math.fsum(1 / up for up in range(needed, units + 1)) / failure_rate


def two_unit_mttf(standby: Standby, *, failure_rate: float, repair_rate: float = 0.0) -> float:
    """Mean time until both of two units are down, starting with both good: hot (3λ+μ)/(2λ²), cold (2λ+μ)/λ².

    Exact for one repair crew and for two: at most one unit is in repair before the end. ``repair_rate`` 0: no repair.
    """
    require_positive(failure_rate=failure_rate)
    require_not_negative(repair_rate=repair_rate)
    if standby is Standby.HOT:
        return (3 * failure_rate + repair_rate) / (2 * failure_rate**2)
    return (2 * failure_rate + repair_rate) / failure_rate**2


def two_of_three_mttf(*, failure_rate: float, repair_rate: float = 0.0) -> float:
    """Mean time until a second of three hot units is down: (5λ+μ)/(6λ²)."""
    require_positive(failure_rate=failure_rate)
    require_not_negative(repair_rate=repair_rate)
    return (5 * failure_rate + repair_rate) / (6 * failure_rate**2)


def two_unit_unavailability(standby: Standby, *, failure_rate: float, repair_rate: float, crews: int) -> float:
    """Long-run fraction of time with both of two units down, for one repair crew or two.

    With a chain 0 → 1 → 2 of failed units it is the weight of state 2: hot standby fails at 2λ then λ, cold at λ
    then λ; state 2 is repaired at μ times the crews.
    """
    require_positive(failure_rate=failure_rate, repair_rate=repair_rate)
    require_count(crews=crews)
    ratio = failure_rate / repair_rate
    one_down = (2 if standby is Standby.HOT else 1) * ratio
    both_down = one_down * ratio / min(crews, 2)
    return both_down / (1 + one_down + both_down)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonCause:
    """β-factor model: the share ``beta`` of a unit's unavailability strikes all units together."""

    beta: float

    def __post_init__(self) -> None:
        require_probability(beta=self.beta)

    def unavailability(self, units: int, unit_unavailability: float) -> float:
        """Of ``units`` units of which one is enough, to first order in the common part: ((1−β)q)^n + βq."""
        require_count(units=units)
        require_probability(unit_unavailability=unit_unavailability)
        independent = ((1 - self.beta) * unit_unavailability) ** units
        return independent + self.beta * unit_unavailability


def _require_all(availabilities: Sequence[float]) -> None:
    for position, availability in enumerate(availabilities, start=1):
        require_probability(**{f"availability {position}": availability})
