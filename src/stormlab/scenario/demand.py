"""How the demand of a client varies over the run: its shape times the load spikes that hit it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stormlab.scenario.disturbances import Burst, LoadSpike

if TYPE_CHECKING:
    from stormlab.scenario.model import Scenario

Times: TypeAlias = NDArray[np.float64]

#: A slope of a load shape is followed in steps of this many s, or in this many steps if they are longer.
_STEP, _STEPS = 0.1, 2000


def load_factors(scenario: Scenario, name: str, times: Times) -> Times:
    """By how much client ``name``'s demand differs from its stated rate or number of users at each of ``times``."""
    shape = scenario.clients[name].shape
    factors = np.ones_like(times)
    if shape:
        jumps_within_a_microsecond = [round(time, 6) for time, _ in shape]
        factors = np.interp(times, jumps_within_a_microsecond, [factor for _, factor in shape])
    for spike in spikes(scenario, name):
        factors = np.where((times >= spike.at) & (times < spike.until), factors * spike.factor, factors)
    return factors


def cumulative(scenario: Scenario, name: str) -> tuple[Times, Times]:
    """Times from 0 to the end of the run, and the integral of the load factor up to each of them, in s."""
    edges = _edges(scenario, name)
    middles = (edges[:-1] + edges[1:]) / 2
    return edges, np.concatenate([[0.0], np.cumsum(np.diff(edges) * load_factors(scenario, name, middles))])


def spikes(scenario: Scenario, name: str) -> list[LoadSpike]:
    """The load spikes among the faults and interventions that hit client ``name``."""
    return [
        disturbance
        for disturbance in (*scenario.faults, *scenario.interventions)
        if isinstance(disturbance, LoadSpike) and disturbance.target == name
    ]


def bursts_of(scenario: Scenario, name: str) -> list[Burst]:
    """The bursts of further requests that client ``name`` makes."""
    everything = (*scenario.faults, *scenario.interventions)
    return [one for one in everything if isinstance(one, Burst) and one.target == name]


def _edges(scenario: Scenario, name: str) -> Times:
    """Times between which the demand is constant, or nearly so on a slope."""
    duration, shape = scenario.run.duration, scenario.clients[name].shape
    edges = {0.0, duration}
    for spike in spikes(scenario, name):
        edges |= {spike.at, spike.until}
    for (start, low), (end, high) in pairwise(shape):
        steps = min(int(np.ceil((end - start) / _STEP)), _STEPS) if low != high else 1
        edges |= set(np.linspace(start, end, steps + 1).tolist())
    return np.array(sorted(edge for edge in edges if edge <= duration))
