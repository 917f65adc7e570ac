"""Why a run did not recover: its last seconds next to its baseline.

The capacity of a system of services is that of its bottleneck, min over services of capacity ÷ visits, with visits the
number of calls a service gets per request (Denning and Buzen, "The Operational Analysis of Queueing Network Models",
ACM Computing Surveys 10, 1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stormlab.scenario.demand import load_factors
from stormlab.scenario.health import NOISE, baseline_bins, end_bins, offered_by
from stormlab.scenario.measures import Bins
from stormlab.scenario.model import Closed, Scenario
from stormlab.scenario.series import Series

#: Amplification above this multiple of the baseline counts as raised.
RAISED = 1.2
#: Demand up to this multiple of the baseline counts as back to normal.
NORMAL = 1.1
#: Capacity, or a cache's hit ratio, below this share of the baseline counts as lost.
LOST_CAPACITY, LOST_HITS = 0.9, 0.5


class Loop(StrEnum):
    """What keeps a system down after its trigger is gone."""

    RETRIES = "retries"
    QUEUEING = "queueing past the deadline"
    CAPACITY = "lost capacity"
    CACHE = "empty cache"
    LEASES = "lost leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Means over a window; rates in 1/s, ``queue_delay`` in s, ``hits`` the worst hit ratio of a cache, if any.

    ``work`` is how many requests each service gets per request that is offered; ``leases`` the least share of replicas
    that hold the lease they need, if any needs one.
    """

    offered: float
    goodput: float
    amplification: float
    capacity: float
    queue_delay: float
    hits: float | None
    work: Mapping[str, float]
    leases: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The end of a run that is down, next to what held ``before``."""

    trigger_over: bool
    demand_is_normal: bool
    before: Moment
    end: Moment
    demand: float
    patience: float

    @property
    def metastable(self) -> bool:
        """The trigger is over, demand is normal and affordable, and yet it is down and attempts are many."""
        return self.trigger_over and self.demand_is_normal and self.demand < self.end.capacity and self.amplified

    @property
    def amplified(self) -> bool:
        """More attempts, or more work behind them, per request than before."""
        more_work = any(self.end.work[name] > RAISED * usual for name, usual in self.before.work.items() if usual)
        return self.end.amplification > RAISED * self.before.amplification or more_work

    @property
    def loop(self) -> Loop | None:
        if self.end.leases is not None and self.end.leases < LOST_CAPACITY * (self.before.leases or 0.0):
            return Loop.LEASES
        if self.end.capacity < LOST_CAPACITY * self.before.capacity:
            return Loop.CAPACITY
        if self.end.hits is not None and self.before.hits and self.end.hits < LOST_HITS * self.before.hits:
            return Loop.CACHE
        if self.amplified:
            return Loop.RETRIES
        if self.end.queue_delay > self.patience:
            return Loop.QUEUEING
        return None


def gather(series: Series, scenario: Scenario) -> Evidence:
    """The evidence of one run."""
    length = len(series)
    baseline, end = baseline_bins(scenario, length), end_bins(scenario, length)
    before, now = (_moment(series, scenario, window, baseline) for window in (baseline, end))
    closed = any(isinstance(client.arrivals, Closed) for client in scenario.clients.values())
    return Evidence(
        trigger_over=bool(scenario.faults) and scenario.trigger_end < scenario.run.duration,
        demand_is_normal=all(_normal_demand(series, scenario, name, baseline, end) for name in scenario.clients),
        before=before,
        end=now,
        demand=before.offered if closed else now.offered,
        patience=_patience(scenario),
    )


def _moment(series: Series, scenario: Scenario, window: Bins, usual: Bins) -> Moment:
    """How it was in ``window``; capacity counts caches as full as they were in the window ``usual``."""
    offered = series["offered"][slice(*window)]
    capacities = {
        name: _mean(series, f"service.{name}.capacity", window, service.capacity)
        for name, service in scenario.services.items()
    }
    queues = {name: _mean(series, f"service.{name}.queue", window, 0.0) for name in scenario.services}
    hits = [_mean(series, name, window, 1.0) for name in series.columns if name.endswith(".hit_ratio")]
    visits = _visits(series, scenario, usual)
    rate = max(float(offered.mean()), 1e-9)
    leased = [name for name, service in scenario.services.items() if service.lease]
    leases = [_mean(series, f"service.{name}.in_service", window, 1.0) for name in leased]
    return Moment(
        offered=float(offered.mean()),
        goodput=float(series["goodput"][slice(*window)].mean()),
        amplification=float(series["attempts"][slice(*window)].sum() / max(offered.sum(), 1.0)),
        capacity=min(capacities[name] / count for name, count in visits.items() if count > 0),
        queue_delay=max(queues[name] / max(capacities[name], 1e-9) for name in queues),
        hits=min(hits, default=None),
        work={name: _mean(series, f"service.{name}.arrivals", window, 0.0) / rate for name in scenario.services},
        leases=min(leases, default=None),
    )


def _mean(series: Series, column: str, window: Bins, otherwise: float) -> float:
    """The mean of what is known in the window; ``otherwise`` when nothing is."""
    values = series[column][slice(*window)] if column in series else np.empty(0)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else otherwise


def _visits(series: Series, scenario: Scenario, usual: Bins) -> dict[str, float]:
    """How many calls each service gets per request, over all clients, when caches answer what they usually do."""
    visits = dict.fromkeys(scenario.services, 0.0)
    misses = {name: 1 - _mean(series, f"service.{name}.hit_ratio", usual, 0.0) for name in scenario.services}

    def visit(name: str, count: float) -> None:
        visits[name] += count
        for call in scenario.services[name].calls:
            visit(call.target, count * call.fan_out * (misses[name] if call.cache else 1.0))

    asked = {name: float(offered_by(series, name).sum()) for name in scenario.clients}
    total = sum(asked.values())
    for name, client in scenario.clients.items():
        visit(client.target, asked[name] / total if total else 1 / len(asked))
    return visits


def _normal_demand(series: Series, scenario: Scenario, name: str, baseline: Bins, end: Bins) -> bool:
    """Whether the client asks for no more than before; users of a closed loop are counted, not their requests."""
    if isinstance(scenario.clients[name].arrivals, Closed):
        users = load_factors(scenario, name, series.t + 0.5)
        return bool(users[slice(*end)].mean() <= NORMAL * users[slice(*baseline)].mean())
    offered = offered_by(series, name)
    allowed = NORMAL * float(offered[slice(*baseline)].mean()) * (end[1] - end[0])
    return bool(offered[slice(*end)].sum() <= allowed + NOISE * np.sqrt(allowed))


def _patience(scenario: Scenario) -> float:
    """The longest time in s that any client waits for an answer."""
    limits = [
        policy.seconds
        for client in scenario.clients.values()
        for policy in client.policies
        if policy.kind in ("timeout", "deadline")
    ]
    return max(limits, default=float("inf"))
