"""What to tell about an arrangement: its nines, its downtime, and the component that matters most."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal

from stormlab.availability.evaluation import Importance, importance, whole
from stormlab.availability.model import Expression

YEAR = 365.25 * 86_400.0
MONTH = YEAR / 12

_ROWS = 10
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Availability and unavailability as fractions, downtime in s per year of 365.25 days and per twelfth of it.

    ``nines`` is −log10 of the unavailability (infinite if it is never down); ``components`` are sorted, the most
    important first.
    """

    availability: float
    unavailability: float
    nines: float
    downtime_per_year: float
    downtime_per_month: float
    components: tuple[Importance, ...]

    @property
    def matters_most(self) -> tuple[Importance, ...]:
        """The component with the greatest Birnbaum importance, and those that equal it."""
        greatest = self.components[0].birnbaum
        return tuple(entry for entry in self.components if entry.birnbaum >= greatest * (1 - 1e-9))


def report(expression: Expression) -> Report:
    """Evaluate ``expression`` and everything worth telling about it."""
    odds = whole(expression)
    down = float(odds.down[0])
    return Report(
        availability=float(odds.up[0]),
        unavailability=down,
        nines=-math.log10(down) if down else math.inf,
        downtime_per_year=down * YEAR,
        downtime_per_month=down * MONTH,
        components=importance(expression),
    )


def render(report: Report) -> str:
    """Plain text for a terminal, without a newline at the end."""
    width = max(len("component"), *(len(entry.component.name) for entry in report.components[:_ROWS]))
    lines = [
        f"availability   {_percent(report.unavailability)}   ({_nines(report.nines)})",
        f"downtime       {duration(report.downtime_per_year)} a year, {duration(report.downtime_per_month)} a month",
        f"matters most   {_headline(report)}",
        "",
        f"{'component':<{width}}  importance  part in downtime  availability",
    ]
    for entry in report.components[:_ROWS]:
        component = entry.component
        lines.append(
            f"{component.name:<{width}}  {entry.birnbaum:<10.6g}  {entry.share:<16.2%}  {_percent(component.down)}"
        )
    if len(report.components) > _ROWS:
        lines.append(f"and {len(report.components) - _ROWS} that matter less or equally")
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """One line of JSON; times in s, ``nines`` is null for what is never down."""
    return json.dumps(
        {
            "availability": report.availability,
            "unavailability": report.unavailability,
            "nines": report.nines if math.isfinite(report.nines) else None,
            "downtime_per_year": report.downtime_per_year,
            "downtime_per_month": report.downtime_per_month,
            "matters_most": [entry.component.name for entry in report.matters_most],
            "components": [
                {
                    "name": entry.component.name,
                    "availability": entry.component.up,
                    "importance": entry.birnbaum,
                    "share_of_downtime": entry.share,
                }
                for entry in report.components
            ],
        }
    )


def duration(seconds: float) -> str:
    """``seconds`` in the largest unit of which there are at least two: 3.65 d, 52.60 min, 0.316 s."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.2f} {unit}"
    return f"{seconds:.2f} s" if seconds >= 1 or not seconds else f"{seconds:.3g} s"


def _headline(report: Report) -> str:
    top = report.matters_most
    if len(top) == len(report.components) > 1:
        return "all components equally"
    others = f" and {len(top) - 1} that equal it" if len(top) > 1 else ""
    return f"{top[0].component.name}{others}, with a part in {top[0].share:.2%} of the downtime"


def _percent(down: float) -> str:
    """The availability with every digit up to the second behind the nines."""
    if 0 < down < 1e-15:
        return f"1 - {down:.3g}"
    digits = max(6, -math.floor(math.log10(down))) if down else 0
    text = f"{100 * (1 - Decimal(down)):.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _nines(nines: float) -> str:
    if not math.isfinite(nines):
        return "never down"
    return f"{math.floor(nines * 100 + 1e-6) / 100:.2f} nines"
