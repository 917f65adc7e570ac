"""How runs are drawn: colour says what, stroke says in which world.

Simulated runs are lines, with a band over the seeds; live runs are dots on the same axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from stormlab.report import style
from stormlab.report.bands import Band, Pick, band, column
from stormlab.report.findings import number, worlds
from stormlab.report.style import INK, Role
from stormlab.scenario.result import Result

Entries: TypeAlias = "dict[str, Artist | tuple[Artist, ...]]"


def draw(
    axes: Axes, results: Sequence[Result], role: Role, *, unit: str = "", pick: Pick | None = None
) -> tuple[float, str, str]:
    """Draw ``role`` in every world there is; returns what :func:`style.label_ends` needs.

    ``pick`` makes the curve, instead of the column of that name. The label gives the level of the last ten seconds in
    the first of the worlds, or no number when there is none.
    """
    label = (math.nan, role.label, role.colour)
    for world, members in worlds(results).items():
        curve = band(members, pick or column(role.column))
        if not curve.known:
            continue
        (_dots if world == "live" else _line)(axes, curve, role)
        if math.isnan(label[0]):
            level = f" {number(curve.end)}{unit}" if math.isfinite(curve.end) else ""
            label = (curve.last, role.label + level, role.colour)
    return label


def _line(axes: Axes, curve: Band, role: Role) -> None:
    if curve.runs > 1:
        axes.fill_between(curve.t, curve.low, curve.high, color=role.colour, alpha=0.2, linewidth=0)
    axes.plot(curve.t, curve.middle, color=role.colour, linestyle=role.style, linewidth=role.width, label=role.label)
    lone = curve.lone
    axes.plot(curve.t[lone], curve.middle[lone], color=role.colour, linestyle="none", marker="_", markersize=5)


def _dots(axes: Axes, curve: Band, role: Role) -> None:
    every = max(1, len(curve.t) // 160)
    axes.plot(
        curve.t[::every],
        curve.middle[::every],
        linestyle="none",
        marker="o",
        markersize=2 * role.width,
        color=role.colour,
        markeredgecolor=style.PAPER,
        markeredgewidth=0.5,
        label=f"{role.label}, live",
    )


def role_legend(figure: Figure, results: Sequence[Result], roles: Sequence[Role]) -> None:
    """Say once for a figure of many panels what the lines are and how the worlds differ."""
    entries: Entries = {
        role.label: Line2D([], [], color=role.colour, linestyle=role.style, linewidth=role.width) for role in roles
    }
    _legend(figure.axes[min(1, len(figure.axes) - 1)], entries | _world_entries(results), lift=1.13)


def world_legend(axes: Axes, results: Sequence[Result]) -> None:
    if len(results) > 1:
        _legend(axes, _world_entries(results))


def _world_entries(results: Sequence[Result]) -> Entries:
    groups = worlds(results)
    entries: Entries = {}
    if seeds := len(groups.get("sim", ())):
        line, area = Line2D([], [], color=INK, linewidth=1.8), Patch(color=INK, alpha=0.2, linewidth=0)
        many = f": median and 5–95 % of {seeds} seeds" if seeds > 1 else ""
        entries[f"simulation{many}"] = (area, line) if many else line
    if runs := len(groups.get("live", ())):
        many = f": median of {runs} runs" if runs > 1 else ""
        entries[f"live{many}"] = Line2D([], [], color=INK, linestyle="none", marker="o", markersize=4)
    return entries


def _legend(axes: Axes, entries: Entries, *, lift: float = 1.0) -> None:
    """Above the right end of ``axes``, on one line."""
    axes.legend(
        list(entries.values()),
        list(entries),
        loc="lower right",
        bbox_to_anchor=(1, lift),
        borderpad=0,
        ncols=len(entries),
        handler_map={tuple: HandlerTuple(ndivide=1)},
    )


def log_when_wide(axes: Axes) -> None:
    """A logarithmic axis when what is drawn spans more than a factor of twenty."""
    values = np.concatenate([np.empty(0), *(np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines())])
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size and positive.max() > 20 * positive.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
