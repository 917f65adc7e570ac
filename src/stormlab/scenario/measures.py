"""What is measured in which window: the vocabulary of expectations, tables and reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from stormlab.errors import BadInput
from stormlab.outcome import Ending
from stormlab.scenario.model import Scenario, Window
from stormlab.scenario.paths import near
from stormlab.scenario.series import Series

#: Bins are whole s.
Bins: TypeAlias = tuple[int, int]

#: The transition after the last fault that window ``after`` leaves out, in s.
SETTLE = 10


def bins(scenario: Scenario, window: Window) -> Bins:
    """The half-open range of bins of a window.

    ``baseline``: from the warm-up to the first fault, or the second half of what precedes it when that is all warm-up.
    ``fault``: from the first fault to the end of the last.
    ``after``: from 10 s after the last fault to the end of the run, or the second half of what follows the fault when
    that is less than 20 s; empty when a fault lasts to the end. ``end``: the last fifth of ``after``, 10 s or more.
    Without faults all of them are the run after its warm-up. A second that the run does not fill belongs to none.
    """
    end = max(1, int(scenario.run.duration))
    warm = min(int(scenario.run.warmup), end - 1)
    if not isinstance(window, str):
        return int(window[0]), min(math.ceil(window[1]), end)
    if not scenario.faults:
        return warm, end
    start, over = int(scenario.trigger_start), math.ceil(scenario.trigger_end)
    over = min(over, end)
    after = min(over + SETTLE, (over + end) // 2)
    settled = after if over < end else start
    ranges = {
        "baseline": (warm if warm < start else start // 2, max(start, 1)),
        "fault": (min(start, end - 1), max(over, start + 1)),
        "after": (after, end),
        "end": (max(settled, end - max(10, (end - settled) // 5)), end),
    }
    return ranges[window]


Measure: TypeAlias = Callable[[Series, Scenario, Bins], float]


def _rate(column: str) -> Measure:
    return lambda series, _scenario, window: float(np.mean(series[column][slice(*window)]))


def _ratio(over: str, under: str) -> Measure:
    def ratio(series: Series, _scenario: Scenario, window: Bins) -> float:
        total = series[under][slice(*window)].sum()
        return float(series[over][slice(*window)].sum() / total) if total else float("nan")

    return ratio


def _rejected(series: Series, _scenario: Scenario, window: Bins) -> float:
    """Requests refused by a policy of their caller or by the callee to protect itself."""
    offered = series["offered"][slice(*window)].sum()
    columns = [f"failed.{ending}" for ending in (Ending.REFUSED, Ending.OVERLOADED)]
    rejected = sum(float(series[column][slice(*window)].sum()) for column in columns if column in series)
    return float(rejected / offered) if offered else float("nan")


def _latency(quantile: float) -> Measure:
    return lambda series, _scenario, window: series.latency(*window, quantile)


def _goodput_ratio(series: Series, scenario: Scenario, window: Bins) -> float:
    baseline = float(np.mean(series["goodput"][slice(*bins(scenario, "baseline"))]))
    return float(np.mean(series["goodput"][slice(*window)])) / baseline if baseline else float("nan")


def _queue(series: Series, _scenario: Scenario, window: Bins) -> float:
    depths = [series[f"service.{name}.queue"][slice(*window)] for name in series.services()]
    return float(sum(np.mean(known) for depth in depths if (known := depth[~np.isnan(depth)]).size))


def _error_ratio(series: Series, _scenario: Scenario, window: Bins) -> float:
    failed = sum(column[slice(*window)].sum() for name, column in series.columns.items() if name.startswith("failed."))
    offered = series["offered"][slice(*window)].sum()
    return float(failed / offered) if offered else float("nan")


MEASURES: dict[str, Measure] = {
    "offered": _rate("offered"),
    "attempts": _rate("attempts"),
    "goodput": _rate("goodput"),
    "goodput_ratio": _goodput_ratio,
    "success_ratio": _ratio("succeeded", "offered"),
    "rejected_ratio": _rejected,
    "attempts_per_request": _ratio("attempts", "offered"),
    "latency_p50": _latency(0.5),
    "latency_p95": _latency(0.95),
    "latency_p99": _latency(0.99),
    "queue": _queue,
    "error_ratio": _error_ratio,
}


def _utilisation(series: Series, scenario: Scenario, name: str, window: Bins) -> float:
    service = scenario.services[name]
    scaled = service.autoscale is not None
    replicas = _gauge(series, f"service.{name}.replicas", window) if scaled else service.replicas
    return _gauge(series, f"service.{name}.busy", window) / (replicas * service.workers)


def _gauge(series: Series, column: str, window: Bins) -> float:
    values = series[column][slice(*window)] if column in series else np.empty(0)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def of_service(name: str, service: str, series: Series, scenario: Scenario, window: Window) -> float:
    """One measure of one service: the mean over the window; NaN when nothing was measured."""
    first, last = bins(scenario, window)
    if first >= last:
        return float("nan")
    if name == "utilisation":
        return _utilisation(series, scenario, service, (first, last))
    return _gauge(series, f"service.{service}.{name}", (first, last))


def measure(name: str, series: Series, scenario: Scenario, window: Window) -> float:
    """One measure in one window; rates in 1/s, latencies in s, ratios as fractions; NaN when nothing was measured.

    Raises:
        BadInput: there is no such measure.
    """
    if name not in MEASURES:
        raise BadInput(f"there is no measure {name!r}{near(name, MEASURES)} (there is: {', '.join(MEASURES)})")
    first, last = bins(scenario, window)
    return MEASURES[name](series, scenario, (first, last)) if first < last else float("nan")


def of_client(series: Series, client: str) -> Series:
    """The counts of one client in place of the totals."""
    prefix = f"client.{client}."
    own = {name.removeprefix(prefix): column for name, column in series.columns.items() if name.startswith(prefix)}
    return replace(series, columns={**series.columns, **own})


def all_measures(series: Series, scenario: Scenario) -> dict[str, dict[str, float]]:
    """Every measure in the three windows that every scenario has."""
    windows: tuple[Window, ...] = ("baseline", "fault", "after")
    return {str(w): {name: measure(name, series, scenario, w) for name in MEASURES} for w in windows}
