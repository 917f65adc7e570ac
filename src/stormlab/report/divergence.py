"""How far the two worlds are apart, measure by measure and phase by phase, away from the transitions.

The divergence of a measure in a phase is |live − sim| / max(sim, floor). Rates are means per bin, ratios are ratios of
sums, latencies are quantiles over all successes, the queue is the mean of the sum over services; each is taken over
the same bins in both worlds and averaged over the runs of a world. Bins from 5 s before to 10 s after the start and the
end of every fault and intervention are left out, because there a shift of one second is a large difference and no
finding. The floor keeps a measure that has gone to zero from being divided by zero: 5 % of the simulated baseline, and
for the queue as many requests as there are workers. Phases with fewer than 3 bins left are not compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormlab.report.findings import worlds
from stormlab.scenario.measures import bins
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.series import QUANTILES, Series

#: Bins are left out from this many s before a transition …
BEFORE = 5.0
#: … to this many s after it.
AFTER = 10.0
#: Divergence up to this is agreement.
THRESHOLD = 0.15
#: A measure is not divided by less than this share of its simulated baseline.
FLOOR = 0.05
#: A phase with fewer bins is not compared.
FEWEST = 3

#: The measures on which the two worlds must agree; the others are shown.
DECISIVE = ("goodput", "attempts")

Bins = NDArray[np.intp]
Measure = Callable[[Series, Bins], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One measure in one phase. ``relative`` is ``None``, with a ``note``, when the phase cannot be compared."""

    measure: str
    phase: str
    bins: int
    sim: float | None
    live: float | None
    relative: float | None
    threshold: float = THRESHOLD
    note: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the worlds agree; ``None`` when that cannot be said."""
        return None if self.relative is None else self.relative <= self.threshold


def divergences(results: Sequence[Result]) -> list[Divergence]:
    """Every measure in every phase; empty unless there are runs of both worlds."""
    groups = worlds(results)
    if len(groups) < 2:
        return []
    sim, live = ([one.series for one in members] for members in groups.values())
    scenario, length = results[0].scenario, min(len(one.series) for one in results)
    found = phases(scenario, length)
    reference = found.get("baseline", next(iter(found.values())))
    return [
        _compare(
            name, phase, kept, _mean(name, sim, kept), _mean(name, live, kept), _floor(name, scenario, sim, reference)
        )
        for name in MEASURES
        for phase, kept in found.items()
    ]


def agree(found: Sequence[Divergence], results: Sequence[Result]) -> bool | None:
    """Whether the decisive measures agree in every phase that can be compared.

    ``None`` when none can, and when one of the ``results`` they were computed from is void.
    """
    if not all(one.valid for one in results):
        return None
    known = [one.ok for one in found if one.measure in DECISIVE and one.ok is not None]
    return all(known) if known else None


def phases(scenario: Scenario, length: int) -> dict[str, Bins]:
    """The bins of ``baseline``, ``fault`` and ``after`` that are away from transitions; ``run`` without faults."""
    away = [index for index in range(length) if not _near(scenario, index + 0.5)]
    if not scenario.faults:
        first, last = bins(scenario, "baseline")
        return {"run": np.array([index for index in away if first <= index < last], dtype=np.intp)}
    start, over = bins(scenario, "fault")
    edges = {"baseline": bins(scenario, "baseline"), "fault": (start, over), "after": (over, length)}
    return {
        name: np.array([index for index in away if first <= index < last], dtype=np.intp)
        for name, (first, last) in edges.items()
    }


def write(results: Sequence[Result], path: Path) -> None:
    """Write the divergences of ``results`` with their definition as JSON."""
    found = divergences(results)
    tree = {
        "definition": (__doc__ or "").partition("\n\n")[2].strip().replace("\n", " "),
        "decisive": list(DECISIVE),
        "threshold": THRESHOLD,
        "valid": all(one.valid for one in results),
        "agree": agree(found, results),
        "divergences": [asdict(one) | {"ok": one.ok} for one in found],
    }
    path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _near(scenario: Scenario, moment: float) -> bool:
    moments = [edge for one in (*scenario.faults, *scenario.interventions) for edge in (one.at, one.until)]
    return any(edge - BEFORE < moment < edge + AFTER for edge in moments if edge < scenario.run.duration)


def _compare(name: str, phase: str, kept: Bins, sim: float, live: float, floor: float) -> Divergence:
    note, relative = "", None
    if kept.size < FEWEST:
        note = "too close to a transition"
    elif math.isnan(sim) or math.isnan(live):
        note = "no value in one world" if math.isnan(sim) != math.isnan(live) else "no value in either world"
    else:
        scale = max(abs(sim), floor)
        relative = abs(live - sim) / scale if scale else 0.0 if live == sim else None
    return Divergence(
        measure=name, phase=phase, bins=int(kept.size), sim=_known(sim), live=_known(live), relative=relative, note=note
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _floor(name: str, scenario: Scenario, sim: Sequence[Series], reference: Bins) -> float:
    if name == "queue":
        return float(sum(service.workers * service.replicas for service in scenario.services.values()))
    baseline = _mean(name, sim, reference)
    return 0.0 if math.isnan(baseline) else FLOOR * abs(baseline)


def _mean(name: str, runs: Sequence[Series], kept: Bins) -> float:
    values = [MEASURES[name](series, kept) for series in runs] if kept.size else []
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _rate(column: str) -> Measure:
    return lambda series, kept: float(np.nanmean(series[column][kept]))


def _success(series: Series, kept: Bins) -> float:
    offered = series["offered"][kept].sum()
    return float(series["succeeded"][kept].sum() / offered) if offered else float("nan")


def _latency(column: str) -> Measure:
    def quantile(series: Series, kept: Bins) -> float:
        if series.latencies:
            pooled = np.concatenate([np.empty(0), *(series.latencies[index] for index in kept)])
            return float(np.quantile(pooled, QUANTILES[column])) if pooled.size else float("nan")
        weights, values = series["goodput"][kept], series[column][kept]
        known = ~np.isnan(values) & (weights > 0)
        return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")

    return quantile


def _queue(series: Series, kept: Bins) -> float:
    depths = np.array([series[f"service.{name}.queue"][kept] for name in series.services()])
    return float(np.nanmean(depths, axis=1).sum()) if np.isfinite(depths).any(axis=1).all() else float("nan")


MEASURES: dict[str, Measure] = {
    "goodput": _rate("goodput"),
    "attempts": _rate("attempts"),
    "offered": _rate("offered"),
    "success_ratio": _success,
    "latency_p50": _latency("latency.p50"),
    "latency_p99": _latency("latency.p99"),
    "queue": _queue,
}
