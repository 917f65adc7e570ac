"""How much of each fault there really was, next to what was asked for; all in scenario units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from stormlab.live.observers import LEAST_WIDTH, Probe, Reading
from stormlab.live.plan import Rows
from stormlab.scenario.arrivals import load_factor
from stormlab.scenario.disturbances import (
    Blackhole,
    Capacity,
    Disturbance,
    Down,
    Isolate,
    Latency,
    LoadSpike,
    Pause,
    RequestDelay,
    RequestErrors,
    ResetPeer,
    Stop,
)
from stormlab.scenario.model import Paced, Poisson, Scenario
from stormlab.scenario.parts import best_concurrency
from stormlab.scenario.result import Dose

#: The largest deviation of a dose that is accepted, as a share of what was asked.
TOLERANCE = 0.1
#: A probe sees every hundredth of a second of delay that the machine adds by itself; up to this much is no deviation.
_JITTER_SECONDS = 0.01
#: The share of the questions how it is that a service may leave unanswered, and s after a halt that do not count.
SILENT, HALT_MARGIN = 0.2, 5.0
#: How far a restarted process may miss the moment at which it should be there, in s.
_START_STRAY = 1.0


def doses(
    scenario: Scenario,
    *,
    rows: Mapping[str, Rows],
    readings: Sequence[Reading],
    probes: Sequence[Probe],
    hits: Mapping[str, tuple[int, int]],
    achieved: Mapping[str, float] | None = None,
    isolated: Mapping[str, float] | None = None,
) -> list[Dose]:
    """One dose for every fault and intervention that can be observed from outside.

    Args:
        rows: what the clients did; times in scenario s.
        readings: the metrics of the services; capacities per scenario s.
        probes: round trips in scenario s.
        hits: requests that per-request faults could hit, and did, by label.
        isolated: the share of the replicas that isolations have cut off, by label.
        achieved: since when those are in effect that operators had to get through, by label, in scenario s.
    """
    found = []
    for disturbance in _in_effect(scenario, achieved or {}):
        if isinstance(disturbance, Isolate) and isolated is not None:
            found.append(_isolation(disturbance, scenario, isolated))
            continue
        dose = _dose(disturbance, scenario, rows, readings, probes, hits)
        if dose is not None:
            found.append(dose)
    return found


def silence(scenario: Scenario, readings: Sequence[Reading], silent: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Which services did not say how they were, though nobody had stopped them: they did not get to run.

    Args:
        readings: what was read, or would have been.
        silent: services and bins in which a process gave no answer.
    """
    halts = [one for one in (*scenario.faults, *scenario.interventions) if isinstance(one, Stop | Pause)]
    for name in scenario.services:
        stopped = [(one.at - 1, one.until + HALT_MARGIN) for one in halts if one.target == name]
        bins = {bin_ for service, bin_ in silent if service == name}
        missed = [bin_ for bin_ in bins if not any(at <= bin_ <= until for at, until in stopped)]
        asked = sum(reading.service == name for reading in readings)
        if asked and len(missed) > SILENT * asked:
            yield (
                f"service {name}: no answer to {len(missed) / asked:.0%} of the questions how it was ({SILENT:.0%} are "
                "accepted): the machine is too busy for it; lower the rates or run.live_speed"
            )


def _in_effect(scenario: Scenario, achieved: Mapping[str, float]) -> Iterator[Disturbance]:
    """All disturbances but those that nobody got through with; the others from when they did."""
    for one in (*scenario.faults, *scenario.interventions):
        if one.through is None:
            yield one
        elif one.label in achieved and achieved[one.label] < one.until:
            at = achieved[one.label]
            lasting = None if one.lasting is None else one.until - at
            yield one.model_copy(update={"at": at, "lasting": lasting})


def _dose(
    one: Disturbance,
    scenario: Scenario,
    rows: Mapping[str, Rows],
    readings: Sequence[Reading],
    probes: Sequence[Probe],
    hits: Mapping[str, tuple[int, int]],
) -> Dose | None:
    until = min(one.until, scenario.run.duration)
    match one:
        case LoadSpike():
            return _load(one, scenario, rows[one.target], until)
        case Capacity():
            return _capacity(one, scenario, [r for r in readings if r.service == one.target], until)
        case RequestErrors() | RequestDelay():
            return _share(one, *hits.get(one.label, (0, 0)))
        case Latency() if one.toxicity == 1:
            return _latency(one, _inside(probes, one, until))
        case Down() | Blackhole() | ResetPeer() if getattr(one, "toxicity", 1) == 1:
            return _unanswered(one, _inside(probes, one, until), proxied=True)
        case Pause(replica=None):
            return _unanswered(one, _inside(probes, one, until), proxied=False)
        case Stop(replica=None):
            return _absence(one, [p for p in probes if p.service == one.target and p.at >= one.at], until)
        case _:
            return None


def _load(spike: LoadSpike, scenario: Scenario, rows: Rows, until: float) -> Dose | None:
    """Requests per s really sent while the spike lasted, for clients that have a rate."""
    arrivals = scenario.clients[spike.target].arrivals
    if not isinstance(arrivals, Poisson | Paced):
        return None
    middles = np.linspace(spike.at, until, 201)[:-1] + (until - spike.at) / 400
    asked = arrivals.rate * float(np.mean([load_factor(scenario, spike.target, float(at)) for at in middles]))
    sent = int(np.count_nonzero((rows.sent >= spike.at) & (rows.sent < until)))
    noise = 3 / math.sqrt(max(asked * (until - spike.at), 1)) if isinstance(arrivals, Poisson) else 0.0
    return Dose(
        fault=spike.label,
        unit="requests/s",
        asked=asked,
        observed=sent / (until - spike.at),
        tolerance=max(TOLERANCE, noise),
    )


def _capacity(cut: Capacity, scenario: Scenario, readings: Iterable[Reading], until: float) -> Dose | None:
    """The capacity that the service reported while the cut lasted."""
    service = scenario.services[cut.target]
    workers = cut.workers or service.workers
    best = service.replicas * best_concurrency(service.slowdown, workers)
    asked = service.capacity_of(best) * (cut.speed or 1.0)
    settled = cut.at + max(0.5, 2 * LEAST_WIDTH * scenario.run.live_speed)
    seen = [reading.capacity for reading in readings if settled <= reading.bin_ + 1 < until]
    return Dose(fault=cut.label, unit="requests/s", asked=asked, observed=_mean(seen)) if seen else None


def _isolation(cut: Isolate, scenario: Scenario, isolated: Mapping[str, float]) -> Dose:
    """The share of the replicas that said they were cut off; half a replica more or less is rounding."""
    rounding = 0.5 / scenario.services[cut.target].replicas / cut.share if cut.share else 0.0
    return Dose(
        fault=cut.label,
        unit="share of replicas",
        asked=cut.share,
        observed=isolated.get(cut.label, 0.0),
        tolerance=max(TOLERANCE, rounding),
    )


def _share(fault: RequestErrors | RequestDelay, eligible: int, injected: int) -> Dose:
    """The share of requests that were hit; a binomial share of n requests strays by itself."""
    p = fault.probability
    noise = 3 * math.sqrt((1 - p) / (p * eligible)) if eligible and p else 0.0
    observed = injected / eligible if eligible else 0.0
    return Dose(
        fault=fault.label, unit="share of requests", asked=p, observed=observed, tolerance=max(TOLERANCE, noise)
    )


def _latency(fault: Latency, probes: Sequence[Probe]) -> Dose | None:
    """How much longer a round trip through the proxy took than the direct one."""
    added = [p.proxied - p.direct for p in probes if p.proxied is not None and p.direct is not None]
    if not added or not fault.latency:
        return None
    stray = 3 * fault.jitter / math.sqrt(3 * len(added)) + _JITTER_SECONDS
    return Dose(
        fault=fault.label,
        unit="s",
        asked=fault.latency,
        observed=_mean(added),
        tolerance=max(TOLERANCE, stray / fault.latency),
    )


def _unanswered(fault: Disturbance, probes: Sequence[Probe], *, proxied: bool) -> Dose | None:
    """The share of probes without an answer while the fault lasted."""
    if not probes:
        return None
    failed = [(p.proxied if proxied else p.direct) is None for p in probes]
    return Dose(fault=fault.label, unit="share of probes unanswered", asked=1.0, observed=_mean(failed))


def _absence(stop: Stop, probes: Sequence[Probe], until: float) -> Dose | None:
    """How long no probe was answered after the stop; a process takes a moment to be there again."""
    if not probes:
        return None
    back = next((p.at for p in probes if p.direct is not None), until)
    asked = until - stop.at
    return Dose(
        fault=stop.label, unit="s", asked=asked, observed=back - stop.at, tolerance=max(TOLERANCE, _START_STRAY / asked)
    )


def _inside(probes: Sequence[Probe], fault: Disturbance, until: float) -> list[Probe]:
    """Probes that began while the fault lasted, its edges left out."""
    margin = min(0.5, (until - fault.at) / 10)
    return [p for p in probes if p.service == fault.target and fault.at + margin <= p.at < until - margin]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
