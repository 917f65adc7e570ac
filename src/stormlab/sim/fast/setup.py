"""From a scenario to the kernel's records."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.outcome import OVERLOAD_STATUSES
from stormlab.policies import CircuitBreaker, EnvoyBudget, GrpcBudget, RetryBudget
from stormlab.scenario import distributions
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.demand import load_factors, spikes
from stormlab.scenario.disturbances import Block, Capacity, Disturbance, Pause, RequestErrors
from stormlab.scenario.model import Client, Closed, Scenario, Service
from stormlab.scenario.parts import ExponentialSlowdown
from stormlab.scenario.recorder import SAMPLE, Recorder
from stormlab.scenario.streams import generator
from stormlab.sim.fast import chance, gates, records
from stormlab.sim.fast.calendar import FEW
from stormlab.sim.fast.room import BUCKETS, ROOM, World, chained, clients_with_nothing_to_do, one

#: Latencies that are kept of one run: all of the first two million, then every second, and so on.
LATENCIES = 1 << 21

#: As many entries a slice should hold at least.
CROWD = 64

_KINDS = ("none", "fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated-jitter", "book-jitter")
_STREAMS = ("service", "policies", "think", "faults", "edge")


def world_of(scenario: Scenario, seed: int) -> World:
    """Everything at time 0."""
    (service,), ((name, client),) = scenario.services.values(), scenario.clients.items()
    arrivals = np.ascontiguousarray(arrival_times(scenario, name, seed), dtype=np.float64)
    stretches, regimes = _stretches(scenario, name, client), regimes_of(scenario, service)
    plant = _plant(scenario, service, client, stretches)
    workers = int(regimes["workers"].max())
    bins = int(np.ceil(scenario.run.duration))
    world = World(**plant, **_start(regimes, arrivals, bins, users=plant["users"]))
    jobs = np.zeros(workers, records.JOB)
    jobs["client"], jobs["following"] = -1, chained(workers)
    clients = clients_with_nothing_to_do(plant["users"] or ROOM)
    world.place(
        regimes=regimes,
        stretches=stretches,
        ceilings=_ceilings(client),
        arrivals=arrivals,
        streams=_streams(seed, plant),
        clients=clients,
        memories=np.zeros(len(clients), records.MEMORY),
        queue=np.zeros(ROOM, records.QUEUED),
        jobs=jobs,
        breaker=_breaker(world, client),
        budget=_budget(client),
        counts=np.zeros((records.ROWS, bins + Recorder.DRAIN), np.int64),
        samples=np.zeros(bins, records.SAMPLE),
        latencies=np.empty(LATENCIES),
        latency_bins=np.empty(LATENCIES, np.int32),
        calls=np.empty(2 * SAMPLE, records.CALL),
    )
    world.place_ring("limits")
    world.place_ring("deadlines")
    world.place_calendar("waits", len(clients), _wait_slices(scenario, client, len(arrivals)))
    world.place_calendar("works", workers, _work_slices(service, workers))
    return world


def _streams(seed: int, plant: dict[str, Any]) -> Any:
    streams = np.zeros(len(_STREAMS), chance.STREAM)
    streams["state"] = [generator(seed, "fast", one).integers(2**64, dtype=np.uint64) for one in _STREAMS]
    for which, kind in ((records.SERVICE, "service_kind"), (records.THINK, "think_kind")):
        if plant.get(kind) == chance.EXPONENTIAL:
            chance.draw_ahead(streams.ctypes.data, which)
    return streams


def _start(regimes: Any, arrivals: Any, bins: int, *, users: int) -> dict[str, Any]:
    return {
        "bins": bins + Recorder.DRAIN,
        "sample_room": bins,
        "latency_room": LATENCIES,
        "call_room": 2 * SAMPLE,
        "arrival_count": len(arrivals),
        "regime_due": regimes["at"][0],
        "sample_due": 1.0 if bins else np.inf,
        "arrival_due": arrivals[0] if len(arrivals) else np.inf,
        "recruit_due": 0.0 if users else np.inf,
        "row": -1,
        "queue_mask": ROOM - 1,
        "free": -1 if users else 0,
        "keep_every": 1,
        "call_every": max(1, int(len(arrivals) / SAMPLE)),
    }


def _policy(client: Client, *kinds: str) -> Any:
    return next((policy for policy in client.policies if policy.kind in kinds), None)


def _plant(scenario: Scenario, service: Service, client: Client, stretches: Any) -> dict[str, Any]:
    retry, limit, deadline = (_policy(client, kind) for kind in ("retry", "timeout", "deadline"))
    closed = client.arrivals if isinstance(client.arrivals, Closed) else None
    slowdown: Any = service.slowdown
    gates_in_order = [policy.kind for policy in client.policies if "breaker" in policy.kind or "retry-" in policy.kind]
    return dict(
        **_time("service", service.service_time),
        **(_time("think", closed.think_time) if closed else {}),
        **(_backoff(retry.backoff) if retry else {}),
        slowdown_kind=0 if slowdown is None else 1 if isinstance(slowdown, ExponentialSlowdown) else 2,
        slowdown_strength=slowdown.strength if slowdown else 0.0,
        slowdown_exponent=getattr(slowdown, "exponent", 1.0),
        lifo=service.queue.discipline == "lifo",
        time_limit=limit.seconds if limit else np.inf,
        deadline=deadline.seconds if deadline else np.inf,
        retries=retry.max_retries if retry else 0,
        breaker_first=bool(gates_in_order) and "breaker" in gates_in_order[0],
        users=int(stretches["start"].max()) if closed else 0,
        fewest=np.floor(min(stretches["start"].min(), stretches["end"].min())) if closed else 0,
        duration=scenario.run.duration,
        end=scenario.run.duration + Recorder.DRAIN,
    )


def _time(of: str, distribution: Any) -> dict[str, float]:
    kind, first, second = _kind_and_parameters(distribution)
    return {f"{of}_kind": kind, f"{of}_first": first, f"{of}_second": second}


def _kind_and_parameters(distribution: Any) -> tuple[int, float, float]:
    match distribution:
        case distributions.Fixed(mean=mean):
            return 0, mean, 0.0
        case distributions.Exponential(mean=mean):
            return chance.EXPONENTIAL, mean, 0.0
        case distributions.LogNormal(mean=mean, cv=cv):
            variance = float(np.log(1 + cv**2))
            return 2, float(np.log(mean) - variance / 2), float(np.sqrt(variance))
        case _:
            return 3, distribution.low, distribution.high


def _backoff(backoff: Any) -> dict[str, float]:
    """A fixed delay is the base, the floor of the book's jitter the cap."""
    base = getattr(backoff, "base", getattr(backoff, "delay", 0.0))
    cap = getattr(backoff, "floor", getattr(backoff, "cap", base))
    return {"backoff_kind": _KINDS.index(backoff.kind), "backoff_base": base, "backoff_cap": cap}


def _ceilings(client: Client) -> Any:
    """Those of the backoff, one per retry."""
    retry = _policy(client, "retry")
    if retry is None:
        return np.zeros(1)
    base = float(getattr(retry.backoff, "base", getattr(retry.backoff, "delay", 0.0)))
    doublings = np.minimum(np.arange(max(retry.max_retries, 1)), 1000.0)
    return np.minimum(float(getattr(retry.backoff, "cap", base)), base * 2.0**doublings)


def _breaker(world: World, client: Client) -> Any:
    match _policy(client, "consecutive-breaker", "circuit-breaker"):
        case None:
            return one(gates.BREAKER)
        case CircuitBreaker() as policy:
            numbers = ["ratio", "window", "minimum", "slow_ratio", "slow_seconds"]
            kind, window = 2, max(policy.window, policy.probes)
        case policy:
            numbers, kind, window = ["failures"], 1, 1
    values = {name: getattr(policy, name) for name in (*numbers, "open_seconds", "probes")}
    calls = world.arrays["breaker.calls"] = np.zeros(window, np.int64)
    return one(gates.BREAKER, kind=kind, calls=calls.ctypes.data, **values)


def _budget(client: Client) -> Any:
    match _policy(client, "retry-budget", "grpc-retry-throttle", "envoy-retry-budget"):
        case RetryBudget(deposit=deposit, capacity=capacity, paid_by=paid_by):
            kind = 1 if paid_by == "success" else 2
        case GrpcBudget(token_ratio=deposit, max_tokens=capacity):
            kind = 3
        case EnvoyBudget(ratio=deposit, min_concurrent=capacity):
            kind = 4
        case _:
            kind, deposit, capacity = 0, 0.0, 0.0
    return one(gates.BUDGET, kind=kind, deposit=deposit, capacity=capacity, tokens=capacity)


def _edges(scenario: Scenario) -> list[float]:
    everything = (*scenario.faults, *scenario.interventions)
    ends = {one.until for one in everything if one.until < np.inf}
    return sorted({0.0} | {one.at for one in everything} | ends)


def _active(scenario: Scenario, at: float) -> list[Disturbance]:
    return [one for one in (*scenario.faults, *scenario.interventions) if one.at <= at < one.until]


def regimes_of(scenario: Scenario, service: Service) -> Any:
    """One row for each stretch between the beginnings and the ends of disturbances."""
    edges = _edges(scenario)
    regimes = np.zeros(len(edges) + 1, records.REGIME)
    regimes["at"] = [*edges, np.inf]
    regimes["queue"] = service.queue.limit
    for row, at in zip(regimes, edges, strict=False):
        _fill(row, service, _active(scenario, at))
    return regimes


def _fill(row: Any, service: Service, active: list[Disturbance]) -> None:
    workers, speed, ending, survives = service.workers, 1.0, gates.ERROR, 1.0
    for disturbance in active:
        if isinstance(disturbance, Capacity):
            workers = disturbance.workers or workers
            speed *= disturbance.speed or 1.0
        elif isinstance(disturbance, RequestErrors):
            ending = gates.OVERLOADED if disturbance.status in OVERLOAD_STATUSES else gates.ERROR
            survives *= 1 - disturbance.probability
    row["workers"], row["speed"], row["error"], row["error_ending"] = workers, speed, 1 - survives, ending
    row["blocked"] = max((one.share for one in active if isinstance(one, Block)), default=0.0)
    row["frozen"] = any(isinstance(one, Pause) for one in active)


def _stretches(scenario: Scenario, name: str, client: Client) -> Any:
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


def _wait_slices(scenario: Scenario, client: Client, expected: int) -> float:
    """Slices per s of the calendar of backoffs and think times."""
    longest = max(float(_ceilings(client).max()), 0.1)
    if isinstance(client.arrivals, Closed):
        think = client.arrivals.think_time.mean
        return _slices(client.arrivals.users / max(think, 1e-3), max(longest, 4 * think))
    return _slices(expected / scenario.run.duration, longest)


def _work_slices(service: Service, workers: int) -> float:
    """The same for completions, by a heap alone when there are few workers."""
    mean = float(service.service_time.mean)
    return 0.0 if workers <= FEW else _slices(workers / mean, 8 * mean)


def _slices(rate: float, longest: float) -> float:
    """So wide that a slice holds enough to look ahead, so narrow that few waits end within it, but for long waits."""
    return max(min(rate / CROWD, BUCKETS / longest), 1 / longest)
