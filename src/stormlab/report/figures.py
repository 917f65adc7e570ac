"""The figures of a report: load, latency, queue and failures over time, simulation and live on the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from stormlab.report import strokes, style
from stormlab.report.bands import band, column, thin, thinning
from stormlab.report.findings import WORLDS, headline, number, percent, trigger_name, worlds
from stormlab.report.style import ATTEMPTS, GOODPUT, MUTED, OFFERED, Role
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.series import Column, Series

P50 = Role(column="latency.p50", label="p50", colour=style.BLUE, width=2.2)
P99 = Role(column="latency.p99", label="p99", colour=style.VERMILLION, width=1.5)

#: Capacity beyond this multiple of what is drawn is only mentioned.
FAR = 2.5

#: Words and colours of the endings that count as failures.
FAILURES = {
    "failed.timeout": ("timed out", style.VERMILLION),
    "failed.overloaded": ("overloaded", style.ORANGE),
    "failed.error": ("error", style.PURPLE),
    "failed.refused": ("refused", style.SKY),
    "failed.invalid": ("invalid", style.MUTED),
}


@style.in_house
def load_figure(results: Sequence[Result]) -> Figure:
    """Offered load, attempts and goodput over time, next to the capacity of what is called.

    ``results`` are runs of one scenario in one world or in both, one seed or many.
    """
    figure = style.canvas(headline(results), subtitle(results))
    axes = figure.axes[0]
    ends = [strokes.draw(axes, results, role, unit="/s") for role in (ATTEMPTS, GOODPUT, OFFERED)]
    ends.append(_draw_capacity(axes, results))
    axes.set_ylabel("requests per second")
    axes.set_ylim(bottom=0)
    _finish(axes, results)
    style.label_ends(axes, ends)
    return figure


@style.in_house
def latency_figure(results: Sequence[Result]) -> Figure:
    """Median and 99th percentile of the latency of successful requests, from their intended start."""
    figure = style.canvas(_latency_title(results), f"{subtitle(results)} · gaps: no success")
    axes = figure.axes[0]
    ends = [strokes.draw(axes, results, role, unit=" s") for role in (P99, P50)]
    strokes.log_when_wide(axes)
    axes.set_ylabel("latency in s")
    _finish(axes, results)
    style.label_ends(axes, ends)
    return figure


@style.in_house
def queue_figure(results: Sequence[Result]) -> Figure:
    """Requests waiting (top) and workers busy (bottom) in every service."""
    services = results[0].series.services()
    figure = style.canvas(_queue_title(results), subtitle(results), rows=2, height=5.2)
    for axes, gauge, unit in zip(figure.axes, ("queue", "busy"), ("requests waiting", "workers busy"), strict=True):
        ends = []
        for index, name in enumerate(services):
            colour = style.CYCLE[index % len(style.CYCLE)]
            role = Role(column=f"service.{name}.{gauge}", label=name, colour=colour, width=1.8)
            ends.append(strokes.draw(axes, results, role))
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        _finish(axes, results, first=gauge == "queue", last=gauge == "busy")
        style.label_ends(axes, ends, gap=0.15)
    return figure


@style.in_house
def failures_figure(results: Sequence[Result]) -> Figure | None:
    """Failed requests by reason, stacked, one panel per world; ``None`` when nothing failed."""
    groups = worlds(results)
    means = {world: _mean_failures(members) for world, members in groups.items()}
    if not any(values.any() for failures in means.values() for values in failures.values()):
        return None
    figure = style.canvas(_failure_title(results), subtitle(results), columns=len(groups), height=3.6)
    for axes, (world, failures) in zip(figure.axes, means.items(), strict=True):
        some = {name: values for name, values in failures.items() if values.any()}
        if some:
            colours = [FAILURES[name][1] for name in some]
            thinned = [thin(values) for values in some.values()]
            axes.stackplot(thinned[0][0], *(means for _, means in thinned), colors=colours, linewidth=0)
        if len(groups) > 1:
            axes.set_title(WORLDS[world])
        axes.set_ylabel("failed requests per second" if axes is figure.axes[0] else "")
        lanes = style.shade(axes, results[0].scenario)
        axes.set_xlim(0, results[0].scenario.run.duration)
        axes.set_xlabel("time in s")
    style.headroom(figure.axes[0], lanes)
    figure.axes[-1].legend(
        *_failure_legend(means), loc="upper left", bbox_to_anchor=(1, 1), borderpad=0, handlelength=1
    )
    return figure


def subtitle(results: Sequence[Result]) -> str:
    """Which scenario, which runs; what the legend of worlds says is left to it."""
    scenario = results[0].scenario
    parts = [" / ".join(part for part in (scenario.name or scenario.title, scenario.variant) if part)]
    if len(results) == 1:
        parts.append(f"{WORLDS[results[0].world]}, seed {results[0].seed}")
    if (seconds := thinning(len(results[0].series))) > 1:
        parts.append(f"means of {seconds} s")
    if any(not one.valid for one in results):
        parts.append("VOID")
    return " · ".join(parts)


def capacity(series: Series, scenario: Scenario) -> Column:
    """What the services that clients call can finish, in 1/s per bin; the scenario's figure where none was seen."""
    targets = sorted({client.target for client in scenario.clients.values()})
    total = np.zeros(len(series))
    for name in targets:
        seen = column(f"service.{name}.capacity")(series)
        total += np.where(np.isnan(seen), scenario.services[name].capacity, seen)
    return total


def _draw_capacity(axes: Axes, results: Sequence[Result]) -> tuple[float, str, str]:
    """A dotted line, or only its label when capacity is so far above all else that it would flatten the rest."""
    curve = band(results[:1], lambda series: capacity(series, results[0].scenario))
    top = axes.get_ylim()[1]
    if not curve.known or np.nanmin(curve.middle) > FAR * top:
        return curve.end, f"capacity {number(curve.end)}/s ↑", MUTED
    axes.step(curve.t, curve.middle, where="mid", color=MUTED, linewidth=1.1, linestyle=":", label="capacity")
    return curve.end, f"capacity {number(curve.end)}/s", MUTED


def _finish(axes: Axes, results: Sequence[Result], *, first: bool = True, last: bool = True) -> None:
    """What all panels over time share: fault bands, the axis of time, and a legend of worlds when there are several."""
    style.headroom(axes, style.shade(axes, results[0].scenario, named=first))
    axes.set_xlim(0, results[0].scenario.run.duration)
    if last:
        axes.set_xlabel("time in s")
    if first:
        strokes.world_legend(axes, results)


def median_measure(results: Sequence[Result], window: str, name: str) -> float:
    """The median over runs of one measure in one window, NaN when no run has it."""
    values = [one.measures[window][name] for one in results]
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _latency_title(results: Sequence[Result]) -> str:
    members, world = _spokesman(results)
    before, during, after = (median_measure(members, w, "latency_p99") for w in ("baseline", "fault", "after"))
    if not members[0].scenario.faults:
        return f"99 of 100 successful requests are answered within {number(before)} s{world}"
    goodput = median_measure(members, "after", "goodput_ratio")
    then = f"{number(after)} s afterwards" if math.isfinite(after) else "nothing succeeds afterwards"
    rare = f" for the {percent(goodput)} that still succeed" if math.isfinite(after) and goodput < 0.5 else ""
    trigger = trigger_name(members[0].scenario)
    return f"p99 latency{world}: {number(before)} s before {trigger}, {number(during)} s during, {then}{rare}"


def _queue_title(results: Sequence[Result]) -> str:
    members, world = _spokesman(results)
    before, after = (median_measure(members, window, "queue") for window in ("baseline", "after"))
    peak = number(max((float(np.nanmax(queue, initial=0.0)) for queue in _queues(members)), default=0.0))
    if not members[0].scenario.faults:
        return f"Waiting requests{world}: {number(before)} on average, {peak} at most"
    trigger = trigger_name(members[0].scenario)
    return f"Waiting requests{world}: {number(before)} before {trigger}, {peak} at the peak, {number(after)} afterwards"


def _spokesman(results: Sequence[Result]) -> tuple[Sequence[Result], str]:
    """The world whose numbers a title gives, and its name where there are two."""
    groups = worlds(results)
    world, members = next(iter(groups.items()))
    return members, f" ({WORLDS[world]})" if len(groups) > 1 else ""


def _queues(results: Sequence[Result]) -> list[Column]:
    return [one.series[f"service.{name}.queue"] for one in results for name in one.series.services()]


def _mean_failures(members: Sequence[Result]) -> dict[str, Column]:
    bins = min(len(one.series) for one in members)
    return {
        name: np.mean([np.nan_to_num(column(name)(one.series)[:bins]) for one in members], axis=0) for name in FAILURES
    }


def _failure_legend(means: Mapping[str, Mapping[str, Column]]) -> tuple[list[Artist], list[str]]:
    """The reasons that occur in any world, in the order in which they are stacked, the topmost first."""
    seen = [name for name in FAILURES if any(failures[name].any() for failures in means.values())][::-1]
    return [Patch(color=FAILURES[name][1], linewidth=0) for name in seen], [FAILURES[name][0] for name in seen]


def _failure_title(results: Sequence[Result]) -> str:
    totals = {name: float(values.sum()) for name, values in _mean_failures(results).items()}
    main = max(totals, key=lambda name: totals[name])
    return f"{percent(totals[main] / sum(totals.values()))} of the failed requests {_FAILED_BY[main]}"


_FAILED_BY = {
    "failed.timeout": "timed out",
    "failed.overloaded": "were turned away by an overloaded service",
    "failed.error": "ended in an error",
    "failed.refused": "were refused by their own caller's policies",
    "failed.invalid": "were invalid",
}
