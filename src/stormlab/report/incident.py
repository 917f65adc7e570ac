"""The figure of a whole incident: what callers and the busiest service went through, next to what is on record.

The upper strip holds the record, each moment at its place on the axis of time. Below: the share of the requests that
succeeded, what the most overloaded service got and could do, and how many of its replicas were fit to serve.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stormlab.report import strokes, style
from stormlab.report.bands import Pick, column
from stormlab.report.figures import subtitle
from stormlab.report.findings import headline, worlds
from stormlab.report.style import Role
from stormlab.scenario.model import Moment, Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.series import Column, Series

#: A curve is a mean over one part in so many of the run.
PARTS = 150
#: Heights in inches: a line of the record, a panel.
LINE, PANEL = 0.19, 1.75
#: A logarithmic axis shows no less than one in so many of the most there is.
DEEP = 200
#: The width of a letter of the record, as a share of the width of the axes.
LETTER = 0.0092

SUCCESS = Role(column="succeeded", label="of all requests", colour=style.BLUE, width=2.2)
GETS = Role(column="arrivals", label="gets", colour=style.VERMILLION, width=1.6)
CAN = Role(column="capacity", label="can do", colour=style.MUTED, style=":", width=1.6)
FIT = Role(column="in_service", label="of the replicas", colour=style.GREEN, width=2.0)


@style.in_house
def incident_figure(results: Sequence[Result]) -> Figure | None:
    """The incident of one scenario, from runs in one world or both; ``None`` when nothing is on record about it."""
    scenario = results[0].scenario
    if not scenario.timeline:
        return None
    busiest = bottleneck(results[0].series, scenario)
    replicas = _out_of_service(results)
    lanes = record_lanes(scenario)
    lines = 1 + max(lanes, default=0)
    panels = 1 + bool(busiest) + bool(replicas)
    height = 1.1 + LINE * lines + PANEL * panels
    figure = style.canvas(headline(results), "", rows=panels, height=height)
    _make_room(figure, lines, height)
    _success(figure.axes[0], results)
    if busiest:
        _load(figure.axes[1], results, busiest)
    if replicas:
        _fitness(figure.axes[-1], results, replicas)
    _mark(figure, scenario, lanes, lines)
    figure.axes[0].set_title(f"{subtitle(results)}{_strokes(results)}", pad=LINE * 72 * lines + 8)
    figure.axes[-1].set_xlabel("time in s")
    return figure


def _strokes(results: Sequence[Result]) -> str:
    """What is drawn how, where that is not plain."""
    groups = worlds(results)
    seeds = len(groups.get("sim", ()))
    band = f" · line: median of {seeds} seeds, band: nine tenths of them" if seeds > 1 else ""
    return band + (" · dots: live" if len(groups) > 1 else "")


def bottleneck(series: Series, scenario: Scenario) -> str:
    """The service that gets most in relation to what it can do once the faults have begun; empty when none is known."""
    since = slice(min(int(scenario.trigger_start), len(series) - 1), None)
    ratios = {}
    for name in series.services():
        gets, can = (column(f"service.{name}.{key}")(series)[since] for key in ("arrivals", "capacity"))
        known = np.isfinite(gets) & np.isfinite(can)
        if known.any() and can[known].mean() > 0:
            ratios[name] = float(gets[known].mean() / can[known].mean())
    return max(ratios, key=lambda name: ratios[name], default="")


def record_lanes(scenario: Scenario) -> list[int]:
    """In which line of the strip each moment of the record stands, so that no text covers another."""
    ends: list[float] = []
    lanes = []
    for moment in scenario.timeline:
        first, last = _extent(moment, scenario)
        lane = next((index for index, end in enumerate(ends) if end <= first), len(ends))
        ends[lane : lane + 1] = [last]
        lanes.append(lane)
    return lanes


def _text(moment: Moment) -> str:
    return textwrap.shorten(f"{moment.clock} {moment.what}".strip(), 60, placeholder="…")


def _extent(moment: Moment, scenario: Scenario) -> tuple[float, float]:
    """From where to where its text reaches, as shares of the width: right of its mark, or left if need be."""
    place, width = moment.at / scenario.run.duration, LETTER * len(_text(moment))
    return (place - width, place) if _leans_left(place, width) else (place, place + width)


def _leans_left(place: float, width: float) -> bool:
    return place + width > 1.15 and place > width


def _make_room(figure: Figure, lines: int, height: float) -> None:
    """Lower the panels by the strip of the record."""
    top = figure.subplotpars.top - LINE * lines / height
    figure.subplots_adjust(top=top, hspace=0.16)


def _mark(figure: Figure, scenario: Scenario, lanes: Sequence[int], lines: int) -> None:
    for moment, lane in zip(scenario.timeline, lanes, strict=True):
        for axes in figure.axes:
            axes.axvline(moment.at, color=style.INK, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        place = moment.at / scenario.run.duration
        left = _leans_left(place, LETTER * len(_text(moment)))
        figure.axes[0].annotate(
            _text(moment),
            (moment.at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-2 if left else 2, 3 + LINE * 72 * (lines - 1 - lane)),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=9,
            color=style.INK,
            annotation_clip=False,
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.4},
        )


def _success(axes: Axes, results: Sequence[Result]) -> None:
    def share(series: Series) -> Column:
        width = parts_of(series)
        offered, succeeded = (_sums(series[name], width) for name in ("offered", "succeeded"))
        return _quotient(succeeded, offered)

    _draw(axes, results, [(SUCCESS, share)], unit="", percent=True)
    axes.set_ylabel("succeed")
    _finish(axes, results, named=True)
    _percent(axes)


def _load(axes: Axes, results: Sequence[Result], name: str) -> None:
    gets, can = (_smooth(f"service.{name}.{role.column}") for role in (GETS, CAN))
    ends = _draw(axes, results, [(GETS, gets), (CAN, can)], unit="/s")
    strokes.log_when_wide(axes)
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, high / DEEP), high)
    axes.set_ylabel(f"{name}, 1/s")
    _finish(axes, results)
    style.label_ends(axes, ends, gap=0.15)


def _fitness(axes: Axes, results: Sequence[Result], name: str) -> None:
    _draw(axes, results, [(FIT, _smooth(f"service.{name}.in_service"))], unit="", percent=True)
    axes.set_ylabel(f"{name} fit")
    _finish(axes, results)
    _percent(axes)


def _draw(
    axes: Axes, results: Sequence[Result], curves: Sequence[tuple[Role, Pick]], *, unit: str, percent: bool = False
) -> list[tuple[float, str, str]]:
    if percent:
        axes.set_ylim(-0.02, 1.05)
    return [strokes.draw(axes, results, role, unit=unit, pick=pick) for role, pick in curves]


def _finish(axes: Axes, results: Sequence[Result], *, named: bool = False) -> None:
    scenario = results[0].scenario
    style.headroom(axes, style.shade(axes, scenario, named=named))
    axes.set_xlim(0, scenario.run.duration)


def _percent(axes: Axes) -> None:
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _out_of_service(results: Sequence[Result]) -> str:
    """The service of which most replicas were out, if any was for more than a moment."""
    scenario, series = results[0].scenario, results[0].series
    several = [name for name in series.services() if scenario.services[name].replicas > 1]
    means = {}
    for name in several:
        fit = column(f"service.{name}.in_service")(series)
        if np.isfinite(fit).any() and np.nanmean(fit) < 0.99:
            means[name] = float(np.nanmean(fit))
    return min(means, key=lambda name: means[name], default="")


def parts_of(series: Series) -> int:
    """Over how many bins a curve is averaged."""
    return max(1, math.ceil(len(series) / PARTS))


def _smooth(name: str) -> Pick:
    def mean(series: Series) -> Column:
        width = parts_of(series)
        row = column(name)(series)
        known = np.isfinite(row)
        counts = _sums(known.astype(float), width)
        return _quotient(_sums(np.where(known, row, 0.0), width), counts)

    return mean


def _quotient(over: Column, under: Column) -> Column:
    """NaN where there is nothing below."""
    quotient: Column = np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)
    return quotient


def _sums(row: Column, width: int) -> Column:
    """Sums over ``width`` bins around each bin, fewer at the ends."""
    sums: Column = np.convolve(row, np.ones(width), mode="same")
    return sums
