"""How many seeds are enough: runs are added until the 95 % interval of what is asked for is as narrow as is asked for.

For the share p of runs with a verdict the interval is Wilson's (JASA 22, 1927), which keeps what it promises for shares
near 0 and 1 too: with x of n runs and z = 1.96 its centre is (x + z²/2)/(n + z²), its half-width
z/(n + z²) · √(x(n − x)/n + z²/4). For the mean of a measure it is Student's: t(n−1) · s/√n. Looking after every run and
stopping at the first narrow enough one is Chow and Robbins' fixed-width procedure (Ann. Math. Statist. 36, 1965); it
holds its confidence in the limit of small widths, so at least ``LEAST`` runs are made. To plan: a share needs about
z² p(1 − p)/w² runs for a half-width w, a mean z² s²/w².
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from stormlab.errors import BadInput
from stormlab.scenario.estimate import CONFIDENCE, Estimate
from stormlab.scenario.model import Scenario
from stormlab.sim import engines

#: Runs at least, before anything is believed.
LEAST = 10

Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def share(successes: int, runs: int) -> Estimate:
    """Wilson's interval for a share."""
    if not 0 <= successes <= runs or runs < 1:
        raise BadInput(f"{successes} of {runs} is no share")
    whole = runs + Z**2
    half_width = Z / whole * sqrt(successes * (runs - successes) / runs + Z**2 / 4)
    centre = (successes + Z**2 / 2) / whole
    return Estimate(mean=successes / runs, low=centre - half_width, high=centre + half_width, n=runs)


def mean(values: list[float]) -> Estimate:
    """Student's interval for a mean of two values or more."""
    if len(values) < 2:
        raise BadInput(f"a mean needs two values or more, not {len(values)}")
    return Estimate.of(values)


def sufficient(
    sample: Callable[[int], float],
    estimate: Callable[[list[float]], Estimate],
    *,
    within: float,
    most: int,
    heard: Callable[[Estimate], None] | None = None,
) -> Estimate:
    """Add ``sample(0)``, ``sample(1)`` … until the half-width is ``within`` or less, or there are ``most``."""
    if not 0 < within < float("inf"):
        raise BadInput(f"--within {within:g}: give a half-width above 0")
    if most < LEAST:
        raise BadInput(f"--most {most}: allow {LEAST} runs or more")
    values: list[float] = []
    while True:
        values.append(sample(len(values)))
        if len(values) < LEAST:
            continue
        found = estimate(values)
        if heard is not None:
            heard(found)
        if found.half_width <= within or len(values) >= most:
            return found


def share_of(values: list[float]) -> Estimate:
    """The share of ones among zeros and ones."""
    return share(int(sum(values)), len(values))


def needed(
    scenario: Scenario,
    *,
    within: float,
    verdict: str = "",
    measure: str = "",
    seed: int = 1,
    most: int = 1000,
    engine: str = "auto",
    heard: Callable[[Estimate], None] | None = None,
) -> Estimate:
    """Play seeds of ``scenario`` until the share of a ``verdict``, or the mean of a ``measure``, is known.

    Args:
        measure: one of those after the last fault, such as goodput_ratio; used when no verdict is given.

    Raises:
        BadInput: neither or both are given, or there is no such measure.
    """
    if bool(verdict) == bool(measure):
        raise BadInput("say what has to be known: --verdict WORD or --measure NAME")
    if engine == "auto" and engines.objection(scenario) is None:
        engine = "fast"

    def sample(number: int) -> float:
        result = engines.run(scenario, engine=engine, seed=seed + number)
        return float(result.verdict.word == verdict) if verdict else _measured(result.measures["after"], measure)

    return sufficient(sample, share_of if verdict else mean, within=within, most=most, heard=heard)


def _measured(measures: Any, name: str) -> float:
    if name not in measures or np.isnan(measures[name]):
        known = ", ".join(key for key, value in measures.items() if not np.isnan(value))
        raise BadInput(f"--measure {name}: a run of this scenario has {known}")
    return float(measures[name])
