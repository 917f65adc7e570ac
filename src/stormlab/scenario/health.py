"""When a system was down: the share of requests that end in success, relative to the share before the first fault.

Few requests make noisy shares. A stretch counts as down when its successes are fewer than 90 % of the baseline's share
would give by more standard deviations of a binomial count than noise explains; longer stretches are judged as a whole,
so that a lasting small loss does not hide in the noise of single seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stormlab.scenario.demand import load_factors
from stormlab.scenario.measures import Bins, bins
from stormlab.scenario.model import Closed, Scenario
from stormlab.scenario.series import Column, Series

Flags: TypeAlias = NDArray[np.bool_]

#: Health below this share of the baseline counts as down.
HEALTHY = 0.9
#: A baseline in which less than this share of the requests succeeds is no baseline.
SOUND = 0.5
#: Closed-loop demand below this share of the baseline counts as down: users who wait do not ask.
ASKING = 0.5
#: Health is averaged over as many bins as hold about this many requests, at most ``WIDEST``.
POOL, WIDEST = 100, 15
#: How many standard deviations are noise: where one looks once, and where one looks at every second of a run.
NOISE, NOISE_OF_MANY = 2.0, 3.0


@dataclass(frozen=True, slots=True)
class Health:
    """``share`` is the part of the requests that succeeded in the ``baseline``.

    ``down`` says for each bin, averaged over ``width`` bins, whether health was too low; ``bad`` says it for the bin
    alone, noise included.
    """

    baseline: Bins
    share: float
    width: int
    down: Flags
    bad: Flags

    @property
    def sound(self) -> bool:
        """Whether there was something to fall from."""
        return self.share >= SOUND

    def over(self, first: int) -> int | None:
        """The bin from which on nothing is down any more; ``None`` when nothing was from bin ``first`` on."""
        down = np.flatnonzero(self.down[first:])
        if not down.size:
            return None
        last = first + int(down[-1])
        start = max(0, last - self.width // 2)
        bad = np.flatnonzero(self.bad[start : start + self.width])
        return start + int(bad[-1]) + 1 if bad.size else last + 1


def health_of(series: Series, scenario: Scenario) -> Health:
    """The health of one run in every bin."""
    baseline = baseline_bins(scenario, len(series))
    offered, succeeded = series["offered"], series["succeeded"]
    window = slice(*baseline)
    share = float((succeeded[window].sum() + 1) / (offered[window].sum() + 1))
    width = int(np.clip(np.ceil(POOL / max(float(offered[window].mean()), 1e-9)), 1, WIDEST))
    down = _below(_sums(succeeded, width), HEALTHY * share, _sums(offered, width), NOISE_OF_MANY)
    bad = succeeded < HEALTHY * share * offered
    for first, last in _stretches(scenario, len(series)):
        down[first:last] |= _below(succeeded[first:last].sum(), HEALTHY * share, offered[first:last].sum(), NOISE)
    for name, client in scenario.clients.items():
        if isinstance(client.arrivals, Closed):
            expected = _asking(series, scenario, name, baseline)
            asked = offered_by(series, name)
            missing = _sums(expected, width) - _sums(asked, width)
            down |= missing > NOISE_OF_MANY * np.sqrt(_sums(expected, width))
            bad |= asked < expected
    return Health(baseline, share, width, down, bad)


def baseline_bins(scenario: Scenario, length: int) -> Bins:
    """What the rest is compared to; without a fault the first fifth of the run, 10 s or more."""
    if scenario.faults:
        return bins(scenario, "baseline")
    warm, _ = bins(scenario, "baseline")
    return warm, min(length, warm + max(10, (length - warm) // 5))


def end_bins(scenario: Scenario, length: int) -> Bins:
    """How it ended; without a fault the last fifth of the run, 10 s or more."""
    if scenario.faults:
        return bins(scenario, "end")
    warm, _ = bins(scenario, "end")
    return max(warm, length - max(10, (length - warm) // 5)), length


def _stretches(scenario: Scenario, length: int) -> list[Bins]:
    """The time of the faults as a whole, when they end."""
    first, last = bins(scenario, "fault")
    return [(first, last)] if scenario.faults and last < length else []


def _below(count: Column, share: float, total: Column, noise: float) -> Flags:
    """Whether ``count`` of ``total`` is less than ``share`` by more than ``noise`` standard deviations."""
    expected = np.asarray(total) * share
    return np.asarray(expected - count > noise * np.sqrt(expected * max(1 - share, 0.0)))


def fell_short(series: Series, health: Health, first: int, last: int) -> bool:
    """Whether the bins ``first`` … ``last`` - 1 as a whole are below the healthy share."""
    window = slice(first, last)
    succeeded, offered = series["succeeded"][window].sum(), series["offered"][window].sum()
    return bool(_below(succeeded, HEALTHY * health.share, offered, NOISE))


def offered_by(series: Series, client: str) -> Column:
    """A client's own column; with one client there is none but the total."""
    column = f"client.{client}.offered"
    return series[column if column in series else "offered"]


def _asking(series: Series, scenario: Scenario, name: str, baseline: Bins) -> Column:
    """The least that closed-loop client ``name`` asks for per bin when its users are served."""
    factors = load_factors(scenario, name, series.t + 0.5)
    normal = float(factors[slice(*baseline)].mean())
    rate = float(offered_by(series, name)[slice(*baseline)].mean())
    least: Column = ASKING * rate * np.minimum(factors / max(normal, 1e-9), 1.0)
    return least


def _sums(column: Column, width: int) -> Column:
    """Sums over ``width`` bins around each bin, fewer at the ends."""
    totals = np.concatenate([[0.0], np.cumsum(column)])
    first = np.arange(len(column)) - width // 2
    sums: Column = totals[np.clip(first + width, 0, len(column))] - totals[np.clip(first, 0, len(column))]
    return sums
