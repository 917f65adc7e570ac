"""What holds when: the disturbances of a scenario, and the number of its users, as rows in the order of time."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.outcome import OVERLOAD_STATUSES
from stormlab.scenario.demand import load_factors, spikes
from stormlab.scenario.disturbances import Block, Capacity, Disturbance, Flush, Invalidate, Pause, RequestErrors
from stormlab.scenario.model import Client, Closed, Scenario, Service
from stormlab.sim.fast import records


def _changes(scenario: Scenario) -> list[tuple[float, list[Disturbance]]]:
    """When something begins or ends, and what is active from then on, in the order in which it began; the first is the
    beginning of the run."""
    everything = sorted((*scenario.faults, *scenario.interventions), key=lambda one: one.at)
    ends = {one.until for one in everything if one.until < np.inf}
    moments = sorted({0.0} | {one.at for one in everything} | ends)
    return [(at, [one for one in everything if one.at <= at < one.until]) for at in moments]


def regimes_of(scenario: Scenario) -> Any:
    """One row for each stretch between the beginnings and the ends of disturbances."""
    changes = _changes(scenario)
    regimes = np.zeros(len(changes) + 1, records.REGIME)
    regimes["at"] = np.inf
    for row, (at, active) in zip(regimes, changes, strict=False):
        row["at"] = at
        row["blocked"] = max((one.share for one in active if isinstance(one, Block)), default=0.0)
        row["invalid"] = any(isinstance(one, Invalidate) for one in active)
        row["flush"] = _flushed(scenario, at)
    return regimes


def _flushed(scenario: Scenario, at: float) -> float:
    """The share of the cache that is lost at that moment."""
    kept = 1.0
    for disturbance in (*scenario.faults, *scenario.interventions):
        if isinstance(disturbance, Flush) and disturbance.at == at:
            kept *= 1 - disturbance.share
        elif isinstance(disturbance, Invalidate) and disturbance.at == at:
            kept = 0.0
    return 1 - kept


def conditions_of(scenario: Scenario, name: str) -> Any:
    """What holds for one service in each regime."""
    service, changes = scenario.services[name], _changes(scenario)
    conditions = np.zeros(len(changes) + 1, records.CONDITION)
    conditions["queue"] = service.queue.limit
    for row, (_, active) in zip(conditions, changes, strict=False):
        _fill(row, service, [one for one in active if one.target == name])
    return conditions


def _fill(row: Any, service: Service, active: list[Disturbance]) -> None:
    workers, speed, survives, overload = service.workers, 1.0, 1.0, 0.0
    for disturbance in active:
        if isinstance(disturbance, Capacity):
            workers = disturbance.workers or workers
            speed *= disturbance.speed or 1.0
        elif isinstance(disturbance, RequestErrors):
            if disturbance.status in OVERLOAD_STATUSES:
                overload += survives * disturbance.probability
            survives *= 1 - disturbance.probability
    row["workers"], row["speed"], row["error"], row["overload"] = workers, speed, 1 - survives, overload
    row["frozen"] = any(isinstance(one, Pause) for one in active)


def stretches_of(scenario: Scenario, name: str, client: Client) -> Any:
    """The number of users between the points where its slope changes."""
    stretches = np.zeros(2, records.STRETCH)
    stretches["at"] = 0.0, np.inf
    if not isinstance(client.arrivals, Closed):
        return stretches
    jumps = {edge for spike in spikes(scenario, name) for edge in (spike.at, spike.until) if edge < np.inf}
    at = np.array(sorted({0.0} | {round(moment, 6) for moment, _ in client.shape} | jumps))
    last = np.nextafter(np.append(at[1:], at[-1] + 1.0), 0.0)
    stretches = np.zeros(len(at) + 1, records.STRETCH)
    stretches["at"] = [*at, np.inf]
    stretches["start"][:-1] = client.arrivals.users * load_factors(scenario, name, at)
    stretches["end"][:-1] = client.arrivals.users * load_factors(scenario, name, np.maximum(last, at))
    stretches[-1]["start"] = stretches[-1]["end"] = stretches[-2]["end"]
    return stretches
