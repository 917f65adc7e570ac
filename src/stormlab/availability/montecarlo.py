"""Availability of an arrangement by simulation: components fail and are repaired, the clock jumps from event to event.

Every component alternates between up and down, independently of the others (a common cause is a component of its own,
see ``beta`` in the language). Many runs advance side by side in numpy arrays: each step moves every run to its next
event. Runs start in the steady state, so there is no warm-up to throw away, and they are independent, so a Student
interval over their means is valid. Tests check it against :mod:`stormlab.sim.theory.redundancy`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from stormlab.availability.evaluation import Odds, combine
from stormlab.availability.model import Expression
from stormlab.availability.reporting import YEAR
from stormlab.errors import BadInput
from stormlab.scenario.estimate import Estimate

Times: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

MAX_EVENTS = 50_000_000
LEAST_RUNS = 20


class Repair(StrEnum):
    """How repair times spread about their mean; the steady availability does not depend on it."""

    EXPONENTIAL = "exponential"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What the runs showed: the fraction of time down, and failures of the whole per year of 365.25 days."""

    unavailability: Estimate
    failures_per_year: Estimate

    @property
    def availability(self) -> Estimate:
        """The fraction of time up."""
        down = self.unavailability
        return Estimate(mean=1 - down.mean, low=1 - down.high, high=1 - down.low, n=down.n)


def simulate(
    expression: Expression,
    *,
    years: float,
    seed: int,
    runs: int = 200,
    repair: Repair = Repair.EXPONENTIAL,
    confidence: float = 0.99,
) -> Simulated:
    """Play ``runs`` independent histories of ``years`` each.

    Raises ``BadInput`` when that would take more than ``MAX_EVENTS`` events, or for fewer than ``LEAST_RUNS`` runs.
    """
    horizon = years * YEAR
    _require_feasible(expression, horizon, runs)
    fleet = _Fleet(expression, runs, np.random.default_rng(seed), repair)
    fleet.start_steady()
    down_time, failures = np.zeros(runs), np.zeros(runs)
    was_up = fleet.whole_is_up()
    now = np.zeros(runs)
    while (now < horizon).any():
        then = np.minimum(fleet.next_event(), horizon)
        down_time += np.where(was_up, 0.0, then - now)
        fleet.advance(then)
        is_up = fleet.whole_is_up()
        failures += was_up & ~is_up
        was_up, now = is_up, then
    return Simulated(
        unavailability=Estimate.of((down_time / horizon).tolist(), confidence),
        failures_per_year=Estimate.of((failures / years).tolist(), confidence),
    )


def time_to_failure(
    expression: Expression,
    *,
    seed: int,
    runs: int = 1_000,
    repair: Repair = Repair.EXPONENTIAL,
    confidence: float = 0.99,
    most_steps: int = 1_000_000,
) -> Estimate:
    """Mean seconds until the whole first fails, all components starting good.

    Raises ``BadInput`` when some run sees no failure within ``most_steps`` events.
    """
    fleet = _Fleet(expression, runs, np.random.default_rng(seed), repair)
    fleet.start_good()
    failed_at = np.where(fleet.whole_is_up(), np.inf, 0.0)
    for _ in range(most_steps):
        running = np.isinf(failed_at)
        if not running.any():
            return Estimate.of(failed_at.tolist(), confidence)
        now = np.where(running, fleet.next_event(), 0.0)
        if np.isinf(now).any():
            break
        fleet.advance(now)
        failed_at[running & ~fleet.whole_is_up()] = now[running & ~fleet.whole_is_up()]
    raise BadInput(f"no failure within {most_steps} events in some run; give less reliable components or more steps")


class _Fleet:
    """The components of all runs: arrays ``[run, component]`` of states and of times of the next change."""

    def __init__(self, expression: Expression, runs: int, random: np.random.Generator, repair: Repair) -> None:
        if runs < LEAST_RUNS:
            raise BadInput(f"runs is {runs}; give at least {LEAST_RUNS}, the interval needs them")
        self._expression = expression
        self._components = expression.components
        self._random = random
        self._repair = repair
        self._mean_up = np.array([component.mttf for component in self._components])
        self._mean_down = np.array([component.mttr if component.up else np.inf for component in self._components])
        self._up: Flags = np.ones((runs, len(self._components)), dtype=bool)
        self._change: Times = np.full(self._up.shape, np.inf)

    def start_good(self) -> None:
        """Everything up and as good as new."""
        self._change = self._draw(self._up, self._means(self._up))

    def start_steady(self) -> None:
        """States and times to the next change as in the long run; a constant repair is then met half-way through."""
        share = np.array([component.up for component in self._components])
        self._up = self._random.random(self._up.shape) < share
        means = self._means(self._up)
        met = self._random.random(self._up.shape) * means
        constant = ~self._up & (self._repair is Repair.CONSTANT)
        self._change = np.where(constant, met, self._draw(np.ones_like(self._up), means))

    def next_event(self) -> Times:
        """When each run changes next, in s; infinite where nothing ever does."""
        earliest: Times = self._change.min(axis=1)
        return earliest

    def advance(self, now: Times) -> None:
        """Toggle in each run what changes by ``now``."""
        run = np.arange(len(now))
        first = self._change.argmin(axis=1)
        due = self._change[run, first] <= now
        run, first = run[due], first[due]
        self._up[run, first] ^= True
        state = self._up[run, first]
        means = np.where(state, self._mean_up[first], self._mean_down[first])
        self._change[run, first] = now[due] + self._draw(state, means)

    def whole_is_up(self) -> Flags:
        """The state of the arrangement in each run."""
        up = self._up.astype(float)
        odds = {one: Odds(up[:, at], 1 - up[:, at]) for at, one in enumerate(self._components)}
        verdict: Flags = combine(self._expression.root, odds).up > 0.5
        return verdict

    def _means(self, up: Flags) -> Times:
        return np.where(up, self._mean_up, self._mean_down)

    def _draw(self, up: Flags, means: Times) -> Times:
        """Time spent in a state of the given mean; only repairs may be constant."""
        spread = self._random.standard_exponential(means.shape)
        if self._repair is Repair.CONSTANT:
            spread = np.where(up, spread, 1.0)
        return spread * means


def _require_feasible(expression: Expression, horizon: float, runs: int) -> None:
    if not (math.isfinite(horizon) and horizon > 0):
        raise BadInput(f"the horizon is {horizon:g} s; give a finite number of years above 0")
    cycles = sum(horizon / (one.mttf + one.mttr) for one in expression.components if one.up and one.down)
    if 2 * cycles * runs > MAX_EVENTS:
        raise BadInput(f"about {2 * cycles * runs:.3g} events, at most {MAX_EVENTS:.0e} are possible; simulate less")
