"""When requests arrive: the same seeded times in both worlds, computed before the run.

An inhomogeneous Poisson process is a homogeneous one of rate 1 seen through the inverse of the cumulative rate
Λ(t) = ∫₀ᵗ λ (Çinlar, "Introduction to Stochastic Processes", 1975, section 4.7); evenly paced arrivals are the
integers seen through the same inverse.
"""

from __future__ import annotations

import numpy as np

from stormlab.scenario.demand import Times, bursts_of, cumulative, load_factors
from stormlab.scenario.model import Client, Closed, Paced, Poisson, Scenario, Trace
from stormlab.scenario.streams import generator

__all__ = ["Times", "arrival_times", "load_factor"]


def arrival_times(scenario: Scenario, name: str, seed: int) -> Times:
    """The intended start times of client ``name``'s requests, ascending, in s, all before the end of the run.

    Empty for a closed-loop client, whose requests depend on the answers.
    """
    client = scenario.clients[name]
    match client.arrivals:
        case Closed():
            times = np.empty(0)
        case Trace(times=recorded):
            times = np.asarray(recorded, dtype=float)
        case Poisson(rate=rate) | Paced(rate=rate):
            edges, integral = cumulative(scenario, name)
            times = np.interp(_unit_arrivals(client, rate * integral[-1], seed, name), rate * integral, edges)
    bursts = [np.full(burst.requests, burst.at) for burst in bursts_of(scenario, name)]
    times = np.sort(np.concatenate([times, *bursts]), kind="stable") if bursts else times
    return times[times < scenario.run.duration]


def load_factor(scenario: Scenario, name: str, at: float) -> float:
    """By how much client ``name``'s demand differs from its stated rate or number of users at time ``at`` (s)."""
    return float(load_factors(scenario, name, np.array([at]))[0])


def _unit_arrivals(client: Client, total: float, seed: int, name: str) -> Times:
    """Arrivals of rate 1 up to ``total``."""
    if isinstance(client.arrivals, Paced):
        return np.arange(0.5, total, 1.0)
    random = generator(seed, "client", name, "arrivals")
    enough = int(total + 10 * np.sqrt(total) + 20)
    drawn = np.cumsum(random.exponential(size=enough))
    return drawn[drawn < total]
