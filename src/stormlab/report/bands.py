"""Many runs as one curve: the median over the seeds per bin and the range that nine tenths of them lie in."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlab.scenario.result import Result
from stormlab.scenario.series import Column, Series

Pick = Callable[[Series], Column]

#: The quantiles over seeds between which a band is drawn.
LOW, HIGH = 0.05, 0.95

#: Longer runs are thinned to this many points: more cannot be seen.
POINTS = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One column over ``runs`` runs; ``t`` holds the middles of the points in s. NaN where no run has a value."""

    t: Column
    low: Column
    middle: Column
    high: Column
    runs: int

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return bool(np.isfinite(self.middle).any())

    @property
    def lone(self) -> NDArray[np.bool_]:
        """The points whose neighbours have no value: a line through them would not show."""
        gap = np.isnan(np.concatenate([[np.nan], self.middle, [np.nan]]))
        alone: NDArray[np.bool_] = ~gap[1:-1] & gap[:-2] & gap[2:]
        return alone

    @property
    def end(self) -> float:
        """The mean of the last ten points, NaN when none of them has a value."""
        tail = self.middle[-10:]
        return float(np.nanmean(tail)) if np.isfinite(tail).any() else float("nan")

    @property
    def last(self) -> float:
        """Where the curve ends: :attr:`end`, or the last value there is."""
        known = self.middle[np.isfinite(self.middle)]
        return self.end if np.isfinite(self.end) else float(known[-1]) if known.size else float("nan")


def thinning(bins: int) -> int:
    """How many bins of 1 s become one point of a curve."""
    return math.ceil(bins / POINTS)


def column(name: str) -> Pick:
    """Picks one column; all NaN where a series does not have it."""
    return lambda series: series[name] if name in series else np.full(len(series), np.nan)


def thin(row: Column) -> tuple[Column, Column]:
    """``row``, one value per bin, as the middles (s) and the means of at most :data:`POINTS` stretches of time."""
    width = thinning(len(row))
    points = math.ceil(len(row) / width)
    padded = np.full(points * width, np.nan)
    padded[: len(row)] = np.where(np.isfinite(row), row, np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        means: Column = np.nanmean(padded.reshape(points, width), axis=1)
    return (np.arange(points, dtype=np.float64) + 0.5) * width, means


def band(results: Sequence[Result], pick: Pick) -> Band:
    """What ``pick`` finds in each of ``results`` (at least one), point by point."""
    rows = [pick(one.series) for one in results]
    bins = min(len(row) for row in rows)
    thinned = [thin(row[:bins]) for row in rows]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, middle, high = np.nanquantile([means for _, means in thinned], [LOW, 0.5, HIGH], axis=0)
    return Band(t=thinned[0][0], low=low, middle=middle, high=high, runs=len(rows))
