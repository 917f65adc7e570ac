"""From a scenario to the kernel's records."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.policies import CircuitBreaker, EnvoyBudget, GrpcBudget, RetryBudget
from stormlab.scenario import distributions
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.model import Client, Closed, Dependency, Scenario, Service
from stormlab.scenario.parts import Cache, ExponentialSlowdown, Keys, ZipfKeys
from stormlab.scenario.recorder import SAMPLE, Recorder
from stormlab.scenario.streams import generator
from stormlab.sim.fast import chance, gates, records
from stormlab.sim.fast.attempts import CEILINGS
from stormlab.sim.fast.calendar import FEW
from stormlab.sim.fast.regimes import conditions_of, regimes_of, stretches_of
from stormlab.sim.fast.room import BUCKETS, ROOM, World, chained, clients_with_nothing_to_do, one

#: Latencies that are kept of one run: all of the first two million, then every second, and so on.
LATENCIES = 1 << 21

#: As many entries a slice should hold at least.
CROWD = 64

#: The streams of the two services: those of their times and of their faults.
_STREAMS_OF = {"front": (records.FRONT, records.FRONT_FAULTS), "back": (records.BACK, records.BACK_FAULTS)}

_KINDS = ("none", "fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated-jitter", "book-jitter")
_STREAMS = {
    records.FRONT: "service",
    records.POLICIES: "policies",
    records.THINK: "think",
    records.FRONT_FAULTS: "faults",
    records.EDGE: "edge",
    records.BACK: "dependency",
    records.BACK_FAULTS: "dependency faults",
    records.KEYS: "keys",
    records.JITTER: "jitter",
    records.FLUSH: "flush",
}


def world_of(scenario: Scenario, seed: int) -> World:
    """Everything at time 0."""
    ((name, client),) = scenario.clients.items()
    arrivals = np.ascontiguousarray(arrival_times(scenario, name, seed), dtype=np.float64)
    stretches, regimes = stretches_of(scenario, name, client), regimes_of(scenario)
    plant = _plant(scenario, client, stretches)
    bins = int(np.ceil(scenario.run.duration))
    world = World(**plant, **_start(regimes, arrivals, bins, users=plant["users"]))
    clients = clients_with_nothing_to_do(plant["users"] or ROOM)
    world.place(
        regimes=regimes,
        stretches=stretches,
        ceilings=_ceilings(client),
        arrivals=arrivals,
        streams=streams_of(seed),
        clients=clients,
        memories=np.zeros(len(clients), records.MEMORY),
        breaker=_breaker(world, client),
        budget=_budget(client),
        counts=np.zeros((records.ROWS, bins + Recorder.DRAIN), np.int64),
        latencies=np.empty(LATENCIES),
        latency_bins=np.empty(LATENCIES, np.int32),
        calls=np.empty(2 * SAMPLE, records.CALL),
    )
    world.place_ring("limits")
    world.place_ring("deadlines")
    world.place_calendar("waits", len(clients), _wait_slices(scenario, client, len(arrivals)))
    if isinstance(client.arrivals, Closed):
        _draw_ahead(world, records.THINK, client.arrivals.think_time)
    _place_service(world, "front", scenario, client.target, bins)
    call = _call(scenario, client)
    if call is not None:
        _place_service(world, "back", scenario, call.target, bins)
        world.place_calendar("lapses", ROOM, 0.0)
        if call.cache is not None and client.keys is not None:
            _place_cache(world, call.cache, client.keys, bins)
    return world


def _place_service(world: World, part: str, scenario: Scenario, name: str, bins: int) -> None:
    """A service with nothing to do."""
    service, slowdown = scenario.services[name], scenario.services[name].slowdown
    conditions = conditions_of(scenario, name)
    workers = int(conditions["workers"].max())
    jobs = np.zeros(workers, records.JOB)
    jobs["caller"], jobs["following"] = -1, chained(workers)
    stream, faults = _STREAMS_OF[part]
    world.describe(
        part,
        **_time("time", service.service_time),
        slowdown_kind=0 if slowdown is None else 1 if isinstance(slowdown, ExponentialSlowdown) else 2,
        slowdown_strength=getattr(slowdown, "strength", 0.0),
        slowdown_exponent=getattr(slowdown, "exponent", 1.0),
        lifo=service.queue.discipline == "lifo",
        stream=stream,
        faults=faults,
        mask=ROOM - 1,
    )
    world.place(
        part,
        conditions=conditions,
        jobs=jobs,
        queue=np.zeros(ROOM, records.QUEUED),
        samples=np.zeros(bins, records.SAMPLE),
    )
    world.place_calendar(f"{part}.works", workers, _work_slices(service, workers))
    _draw_ahead(world, stream, service.service_time)


def _place_cache(world: World, cache: Cache, asked: Keys, bins: int) -> None:
    """An empty cache for the keys that are asked for."""
    keys = np.zeros(asked.count, records.KEY)
    keys["newer"] = keys["older"] = keys["first"] = keys["last"] = -1
    world.record["key_count"] = len(keys)
    world.describe(
        "cache",
        capacity=cache.capacity,
        ttl=np.inf if cache.ttl is None else cache.ttl,
        jitter=cache.jitter,
        coalesce=cache.coalesce,
        delete=cache.on_error == "delete",
        newest=-1,
        oldest=-1,
    )
    world.place("cache", keys=keys, samples=np.zeros(bins, records.LOOKUPS))
    if isinstance(asked, ZipfKeys):
        world.place(key_sums=np.cumsum(np.arange(1.0, asked.count + 1) ** -asked.exponent))


def streams_of(seed: int) -> Any:
    """Every stream at its beginning."""
    streams = np.zeros(len(_STREAMS), chance.STREAM)
    for stream, name in _STREAMS.items():
        streams["state"][stream] = generator(seed, "fast", name).integers(2**64, dtype=np.uint64)
    return streams


def _draw_ahead(world: World, stream: int, distribution: Any) -> None:
    if isinstance(distribution, distributions.Exponential):
        chance.draw_ahead(world.arrays["streams"].ctypes.data, stream)


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
        "hear_due": np.inf,
        "row": -1,
        "free": -1 if users else 0,
        "hearers": -1,
        "keep_every": 1,
        "call_every": max(1, int(len(arrivals) / SAMPLE)),
    }


def _call(scenario: Scenario, client: Client) -> Dependency | None:
    """What the service that ``client`` asks asks another one for."""
    return next(iter(scenario.services[client.target].calls), None)


def _policy(of: Client | Dependency, *kinds: str) -> Any:
    return next((policy for policy in of.policies if policy.kind in kinds), None)


def _plant(scenario: Scenario, client: Client, stretches: Any) -> dict[str, Any]:
    call = _call(scenario, client)
    retry, limit, deadline = (_policy(client, kind) for kind in ("retry", "timeout", "deadline"))
    call_limit = _policy(call, "timeout") if call else None
    closed = client.arrivals if isinstance(client.arrivals, Closed) else None
    gates_in_order = [policy.kind for policy in client.policies if "breaker" in policy.kind or "retry-" in policy.kind]
    return dict(
        **(_time("think", closed.think_time) if closed else {}),
        **(_backoff(retry.backoff) if retry else {}),
        asks=call is not None,
        call_limit=call_limit.seconds if call_limit else np.inf,
        time_limit=limit.seconds if limit else np.inf,
        deadline=deadline.seconds if deadline else np.inf,
        retries=retry.max_retries if retry else 0,
        breaker_first=bool(gates_in_order) and "breaker" in gates_in_order[0],
        users=_most_users(stretches) if closed else 0,
        fewest=np.floor(min(stretches["start"].min(), stretches["end"].min())) if closed else 0,
        duration=scenario.run.duration,
        end=scenario.run.duration + Recorder.DRAIN,
    )


def _most_users(stretches: Any) -> int:
    """Room for as many as there may be at any moment, whichever way a fraction is rounded."""
    return 1 + int(max(stretches["start"].max(), stretches["end"].max()))


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
    """Those of the backoff, one per retry, as long as they grow."""
    retry = _policy(client, "retry")
    if retry is None:
        return np.zeros(1)
    base = float(getattr(retry.backoff, "base", getattr(retry.backoff, "delay", 0.0)))
    doublings = np.arange(min(max(retry.max_retries, 1), CEILINGS), dtype=np.float64)
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
    return 0.0 if workers <= FEW or mean == 0.0 else _slices(workers / mean, 8 * mean)


def _slices(rate: float, longest: float) -> float:
    """So wide that a slice holds enough to look ahead, so narrow that few waits end within it, but for long waits."""
    return max(min(rate / CROWD, BUCKETS / longest), 1 / longest)
