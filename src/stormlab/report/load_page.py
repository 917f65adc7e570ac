"""The page of a load test: did it count, what held, latency by quantile, and what happened in each second."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlab.report import strokes, style
from stormlab.report.figures import P50, P99
from stormlab.report.findings import number, percent
from stormlab.report.style import ATTEMPTS, GOODPUT, OFFERED, Role
from stormlab.report.template import render

Row = Mapping[str, Any]


def write_page(load: Mapping[str, Any], series: Sequence[Row], folder: Path) -> Path:
    """Write ``load.html`` and its plots into ``folder``.

    Args:
        load: what ``load.json`` holds.
        series: a row per second, as in ``series.csv``.
    """
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, figure in (("throughput", throughput_figure(load, series)), ("latency", latency_figure(load, series))):
        style.save_png(figure, plots / f"{name}.png")
        drawn.append({"svg": Markup(style.inline_svg(figure, name)), "alt": figure.get_suptitle()})
    page = folder / "load.html"
    context = {
        "load": load,
        "scenario": {"title": load["title"]},
        "headline": headline(load),
        "void": [("live", load["seed"], reason) for reason in load["void"]],
        "figures": drawn,
        "quantiles": list(load["total"]["latency"]),
    }
    page.write_text(render("load.html.j2", context), encoding="utf-8")
    return page


def headline(load: Mapping[str, Any]) -> str:
    """What came of it, in a sentence."""
    total = load["total"]
    if not total["ended"]:
        return "No request has ended"
    good = total["endings"].get("ok", 0) / total["ended"]
    p99 = total["latency"]["p99"]
    words = f"{percent(good)} of {total['ended']} requests succeeded"
    return words if p99 is None else f"{words}, 99 % of those within {number(p99 * 1000)} ms"


@style.in_house
def throughput_figure(load: Mapping[str, Any], series: Sequence[Row]) -> Figure:
    """Offered load, attempts and goodput over time."""
    figure = style.canvas(headline(load), f"{load['title']} · {load['loop']} loop, seed {load['seed']}")
    axes = figure.axes[0]
    ends = [_draw(axes, series, role) for role in (ATTEMPTS, GOODPUT, OFFERED)]
    axes.set_ylabel("requests per second")
    axes.set_ylim(bottom=0)
    _finish(axes, load)
    style.label_ends(axes, ends)
    return figure


@style.in_house
def latency_figure(load: Mapping[str, Any], series: Sequence[Row]) -> Figure:
    """Median and 99th percentile of each second's successes, from their intended start."""
    p50, p99 = load["total"]["latency"]["p50"], load["total"]["latency"]["p99"]
    title = "No request succeeded"
    if p50 is not None:
        title = f"Half of the successes took at most {number(p50 * 1000)} ms, 99 % at most {number(p99 * 1000)} ms"
    figure = style.canvas(
        title, "latency from the intended start of a request, by second of completion · gaps: no success"
    )
    axes = figure.axes[0]
    ends = [_draw(axes, series, role, factor=1000.0) for role in (P99, P50)]
    axes.set_ylabel("latency in ms")
    strokes.log_when_wide(axes)
    _finish(axes, load)
    style.label_ends(axes, ends)
    return figure


def _draw(axes: Axes, series: Sequence[Row], role: Role, *, factor: float = 1.0) -> tuple[float, str, str]:
    """One line in its role; where it ends, what it is and its colour, for its label."""
    values = np.array([float(row[role.column] or "nan") * factor for row in series if row[role.column] is not None])
    times = np.arange(len(values)) + 0.5
    axes.plot(times, values, color=role.colour, linestyle=role.style, linewidth=role.width, marker=_marker(values))
    known = values[~np.isnan(values)]
    return (float(known[-1]) if len(known) else math.nan), role.label, role.colour


def _marker(values: np.ndarray[Any, Any]) -> str:
    """A line of few points, or with gaps, has no length where its neighbours are missing."""
    return "." if len(values) < 30 or bool(np.isnan(values).any()) else ""


def _finish(axes: Axes, load: Mapping[str, Any]) -> None:
    axes.set_xlim(left=0)
    axes.set_xlabel("time (s)")
    if load["stopped"] is not None:
        axes.axvline(load["stopped"], color=style.MUTED, linewidth=1)
