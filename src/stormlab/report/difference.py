"""Is one set of runs better or worse than another? A permutation test per measure instead of an eye.

Under the hypothesis that both sets are runs of the same thing, which run belongs to which set is arbitrary. So the
difference of the means is held against the differences that random relabellings give (R. A. Fisher, *The Design of
Experiments*, 1935; p counts the observed labelling among them, B. Phipson and G. K. Smyth, 2010,
doi.org/10.2202/1544-6115.1585). Nothing is assumed about the shape of the distributions. Since many measures are
tested at once, p values are adjusted by Holm's step-down method (S. Holm, 1979), which keeps the probability of any
false alarm below ``ALPHA``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stormlab.errors import BadInput
from stormlab.scenario.vocabulary import Word

Sample: TypeAlias = "NDArray[np.float64]"

#: The probability that a comparison of equals reports any difference at all.
ALPHA = 0.05
#: Relabellings drawn per measure.
DRAWS = 20_000
#: Runs that each side needs: with fewer, no arrangement of them is rare enough to be called a difference.
LEAST_RUNS = 6

_WINDOWS = ("baseline", "fault", "after")
#: What is tested in every window, and whether more of it is better.
_MORE_IS_BETTER = {
    "goodput": True,
    "success_ratio": True,
    "attempts_per_request": False,
    "latency_p50": False,
    "latency_p99": False,
}
_GOOD_ENDS = (Word.UNAFFECTED, Word.RECOVERED)


class Change(StrEnum):
    """What the second set is, compared with the first."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "no difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One measure in one window: the means of both sets, in the unit of the measure, and the adjusted ``p``."""

    measure: str
    window: str
    before: float
    after: float
    p: float
    change: Change

    @property
    def relative(self) -> float:
        """The change as a fraction of the first mean; NaN when that is 0."""
        return self.after / self.before - 1 if self.before else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSet:
    """What the valid runs in one folder measured: the values of each (measure, window), one per run."""

    path: Path
    runs: int
    void: int
    values: Mapping[tuple[str, str], Sample]


def read(path: Path, world: str = "sim") -> RunSet:
    """The runs of ``world`` that ``stormlab run`` wrote to ``path``; void ones are counted and left out.

    Raises:
        BadInput: there are fewer than ``LEAST_RUNS`` valid runs, or a file is not what it should be.
    """
    found = [_object(file) for file in sorted(path.glob(f"{world}-seed-*/verdict.json"))]
    valid = [one for one in found if one.get("valid")]
    if len(valid) < LEAST_RUNS:
        raise BadInput(
            f"{path}: {len(valid)} valid {world} runs; {LEAST_RUNS} or more are needed to tell a difference from chance"
            f" (stormlab run … --seeds 20 --out {path})"
        )
    keys = [(name, window) for window in _WINDOWS for name in _MORE_IS_BETTER]
    values = {key: _sample([_measured(one, *key) for one in valid]) for key in keys}
    values["ends well", "run"] = _sample([float(one["verdict"] in _GOOD_ENDS) for one in valid])
    values["time_to_recover", "run"] = _sample([one["time_to_recover"] for one in valid])
    return RunSet(path=path, runs=len(valid), void=len(found) - len(valid), values=values)


def differences(first: RunSet, second: RunSet, *, seed: int = 1) -> list[Difference]:
    """Every measure that both sets have often enough, tested; ``seed`` is that of the relabellings."""
    rng = np.random.default_rng(seed)
    shared = [
        (key, one, other)
        for key, one in first.values.items()
        if len(one) >= LEAST_RUNS and len(other := second.values[key]) >= LEAST_RUNS
    ]
    adjusted = holm([permutation_p(one, other, rng) for _, one, other in shared])
    return [_difference(key, one, other, p) for (key, one, other), p in zip(shared, adjusted, strict=True)]


def conclusion(found: Sequence[Difference]) -> str:
    """What was found, in one sentence."""
    words = []
    for change in (Change.WORSE, Change.BETTER):
        named = [f"{one.measure} ({one.window})" for one in found if one.change is change]
        if named:
            words.append(f"{change.value}: {', '.join(named)}")
    return "; ".join(words).capitalize() if words else "No difference"


def permutation_p(one: Sample, other: Sample, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """The two-sided p value of the difference of the means, between 1 ÷ (``draws`` + 1) and 1."""
    together, n = np.concatenate([one, other]), len(one)
    observed = abs(one.mean() - other.mean())
    shuffled = rng.permuted(np.broadcast_to(together, (draws, len(together))), axis=1)
    strays = np.abs(shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1))
    slack = 1e-9 * max(1.0, float(np.abs(together).max()))
    return float((1 + np.count_nonzero(strays >= observed - slack)) / (draws + 1))


def holm(values: Sequence[float]) -> list[float]:
    """``values`` adjusted for being that many: the i-th smallest of m times m - i + 1, ascending, at most 1."""
    adjusted, running = [1.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = running
    return adjusted


def _difference(key: tuple[str, str], one: Sample, other: Sample, p: float) -> Difference:
    measure, window = key
    more_is_better = _MORE_IS_BETTER.get(measure, measure == "ends well")
    before, after = float(one.mean()), float(other.mean())
    better = (after > before) == more_is_better
    change = Change.NONE if p > ALPHA else Change.BETTER if better else Change.WORSE
    return Difference(measure=measure, window=window, before=before, after=after, p=p, change=change)


def _sample(values: Sequence[float | None]) -> Sample:
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _measured(run: Mapping[str, Any], name: str, window: str) -> float | None:
    value: float | None = run["measures"][window][name]
    return value


def _object(file: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        read["measures"]["baseline"]["goodput"], read["verdict"], read["time_to_recover"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file}: this is no verdict of a run ({error!r}); run the scenario again") from error
    return read
