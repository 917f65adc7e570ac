"""The league table as a figure: what each variant came to, with 95 % confidence intervals, the best on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stormlab.report import style
from stormlab.report.findings import WORLDS
from stormlab.report.league import Row, comparison_headline
from stormlab.report.ranking import ranks, reversals
from stormlab.scenario.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One measure, by its name in a row; ``full`` is the largest value there can be, where there is one."""

    measure: str
    title: str
    full: float = math.nan


PANELS = (
    Panel(measure="success_fault", title="success, fault", full=1.0),
    Panel(measure="success_after", title="success, after", full=1.0),
    Panel(measure="attempts_per_request_after", title="attempts per request, after"),
    Panel(measure="time_to_recover", title="time to recover in s"),
)

#: Marker, colour and distance from the middle of the line of the points of a world.
_LOOKS = {"sim": ("o", style.BLUE, -0.16), "live": ("D", style.VERMILLION, 0.16)}


@style.in_house
def league_figure(rows: Sequence[Row]) -> Figure:
    """A line per variant, a panel per measure: simulated means with their intervals, live values as diamonds."""
    names = _best_first(rows)
    found = {row.world for row in rows}
    figure = style.canvas(
        _title(rows), columns=len(PANELS), height=1.7 + 0.34 * len(names), roomy=True, common="vertical"
    )
    figure.subplots_adjust(left=0.16, bottom=0.7 / figure.get_figheight())
    for panel, axes in zip(PANELS, figure.axes, strict=True):
        axes.set_title(panel.title)
        axes.grid(axis="x")
        for row in rows:
            _draw(axes, row, names.index(row.variant), getattr(row, panel.measure), alone=len(found) == 1)
        right = axes.get_xlim()[1] if math.isnan(panel.full) else panel.full
        axes.set_xlim(-0.03 * right, 1.03 * right)
    first = figure.axes[0]
    first.set_yticks(range(len(names)), [name or "as it stands" for name in names])
    first.set_ylim(len(names) - 0.4, -0.6)
    _legend(figure, rows)
    return figure


def _best_first(rows: Sequence[Row]) -> list[str]:
    """By the rank in the first world there is; equals by their success after the faults."""
    world = rows[0].world
    ranked = ranks(rows, world)
    means = {row.variant: row.success_after.mean for row in rows if row.world == world}
    return sorted(ranked, key=lambda name: (ranked[name], -means[name] if math.isfinite(means[name]) else 0.0))


def _title(rows: Sequence[Row]) -> str:
    reversed_pairs = reversals(rows)
    if reversed_pairs is None:
        return comparison_headline(rows)
    if not reversed_pairs:
        return f"Simulation and live rank these {len(ranks(rows, 'sim'))} alike, the best on top"
    pairs = ", ".join(f"{one} and {other}" for one, other in reversed_pairs)
    return f"Simulation and live rank in opposite orders: {pairs}"


def _draw(axes: Axes, row: Row, line: int, estimate: Estimate, *, alone: bool) -> None:
    marker, colour, shift = _LOOKS[row.world]
    at = line if alone else line + shift
    if math.isnan(estimate.mean):
        return
    if math.isfinite(estimate.low):
        axes.plot([estimate.low, estimate.high], [at, at], color=colour, linewidth=2.2, alpha=0.45)
    axes.plot([estimate.mean], [at], color=colour, marker=marker, markersize=5, linestyle="none")


def _legend(figure: Figure, rows: Sequence[Row]) -> None:
    runs = {world: max(row.runs for row in rows if row.world == world) for world in map(attrgetter("world"), rows)}
    entries = [
        Line2D([], [], color=_LOOKS[world][1], marker=_LOOKS[world][0], markersize=5, linewidth=2.2 if n > 1 else 0)
        for world, n in runs.items()
    ]
    labels = [
        f"{WORLDS[world]}: " + (f"mean and 95 % confidence interval, {n} seeds" if n > 1 else "one run")
        for world, n in runs.items()
    ]
    figure.legend(entries, labels, loc="lower right", ncols=len(labels), bbox_to_anchor=(0.99, 0.0))
