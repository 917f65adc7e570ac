"""From a scenario to the kernel's arrays and back to a result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from stormlab.errors import BadInput
from stormlab.outcome import Ending
from stormlab.policies import CircuitBreaker, ConsecutiveBreaker, EnvoyBudget, GrpcBudget, RetryBudget
from stormlab.scenario import distributions
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.demand import load_factors, spikes
from stormlab.scenario.disturbances import Block, Capacity, Disturbance, Pause, RequestErrors
from stormlab.scenario.model import Client, Closed, Scenario, Service
from stormlab.scenario.parts import ExponentialSlowdown, best_concurrency
from stormlab.scenario.recorder import SAMPLE, CallSample, Recorder
from stormlab.scenario.result import Result, conclude
from stormlab.scenario.streams import generator
from stormlab.sim.fast import gates, kernel
from stormlab.sim.fast.fit import misfit
from stormlab.sim.fast.structures import Calendar
from stormlab.sim.service import OVERLOAD_STATUSES

#: Latencies that are kept of one run: all of the first two million, then every second, and so on.
LATENCIES = 1 << 21

_ENDINGS = (Ending.ERROR, Ending.OVERLOADED, Ending.TIMEOUT, Ending.REFUSED, Ending.INVALID, Ending.OK)
_KINDS = ("none", "fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated-jitter", "book-jitter")
_STREAMS = ("service", "policies", "think", "faults", "edge")


def run(scenario: Scenario, *, seed: int | None = None, progress: Callable[[float], None] | None = None) -> Result:
    """Play ``scenario`` once in the compiled kernel; arguments as for :func:`stormlab.sim.run`.

    Raises:
        BadInput: the kernel does not know something that the scenario asks for; the message says what.
    """
    reason = misfit(scenario)
    if reason is not None:
        raise BadInput(f"--engine fast cannot play this scenario: {reason}; use --engine simpy")
    chosen = scenario.run.seed if seed is None else seed
    began = time.perf_counter()
    counts = play(scenario, chosen)
    took = time.perf_counter() - began
    facts = {"engine": "fast", "wall_seconds": round(took, 3), "attempts": int(counts.requests[1].sum())}
    return conclude(_recorded(scenario, counts), world="sim", seed=chosen, facts=facts)


def play(scenario: Scenario, seed: int) -> kernel.Counts:
    """What happened, as the kernel counts it."""
    (service,), ((name, client),) = scenario.services.values(), scenario.clients.items()
    arrivals = arrival_times(scenario, name, seed)
    plant = _plant(scenario, service, client, len(arrivals))
    counts = _counts(scenario)
    counts.kept[:] = (0, 1, 0, plant.keep_every, 0, 0)
    streams = np.array([generator(seed, "fast", one).integers(2**64, dtype=np.uint64) for one in _STREAMS])
    kernel.play(
        plant,
        _regimes(scenario, service),
        _population(scenario, name, client),
        arrivals,
        streams,
        _breaker(client),
        _budget(client),
        _calendar(scenario, client, plant, len(arrivals)),
        counts,
    )
    return counts


def _policy(client: Client, *kinds: str) -> Any:
    return next((policy for policy in client.policies if policy.kind in kinds), None)


def _plant(scenario: Scenario, service: Service, client: Client, expected: int) -> kernel.Plant:
    retry, limit, deadline = (_policy(client, kind) for kind in ("retry", "timeout", "deadline"))
    retries = retry.max_retries if retry else 0
    kind, base, cap, ceilings = _backoff(retry.backoff, retries) if retry else (0, 0.0, 0.0, np.ones(1))
    closed = client.arrivals if isinstance(client.arrivals, Closed) else None
    service_kind, service_first, service_second = _time(service.service_time)
    think_kind, think_first, think_second = _time(closed.think_time) if closed else (0, 0.0, 0.0)
    slowdown: Any = service.slowdown
    gates_in_order = [policy.kind for policy in client.policies if "breaker" in policy.kind or "retry-" in policy.kind]
    return kernel.Plant(
        service_kind=service_kind,
        service_first=service_first,
        service_second=service_second,
        slowdown_kind=0 if slowdown is None else 1 if isinstance(slowdown, ExponentialSlowdown) else 2,
        slowdown_strength=float(slowdown.strength) if slowdown else 0.0,
        slowdown_exponent=float(getattr(slowdown, "exponent", 1.0)),
        lifo=service.queue.discipline == "lifo",
        limit=float(limit.seconds) if limit else np.inf,
        deadline=float(deadline.seconds) if deadline else np.inf,
        retries=retries,
        backoff_kind=kind,
        backoff_base=base,
        backoff_cap=cap,
        ceilings=ceilings,
        breaker_first=bool(gates_in_order) and "breaker" in gates_in_order[0],
        users=int(_population(scenario, next(iter(scenario.clients)), client).start.max()) if closed else 0,
        think_kind=think_kind,
        think_first=think_first,
        think_second=think_second,
        duration=float(scenario.run.duration),
        drain=float(Recorder.DRAIN),
        keep_every=max(1, int(expected / SAMPLE)),
    )


def _time(distribution: Any) -> tuple[int, float, float]:
    match distribution:
        case distributions.Fixed(mean=mean):
            return 0, float(mean), 0.0
        case distributions.Exponential(mean=mean):
            return 1, float(mean), 0.0
        case distributions.LogNormal(mean=mean, cv=cv):
            variance = float(np.log(1 + cv**2))
            return 2, float(np.log(mean) - variance / 2), float(np.sqrt(variance))
        case _:
            return 3, float(distribution.low), float(distribution.high)


def _backoff(backoff: Any, retries: int) -> tuple[int, float, float, Any]:
    """Kind, base, cap and ceilings; a fixed delay is its base, the floor of the book's jitter its cap."""
    kind = _KINDS.index(backoff.kind)
    base = float(getattr(backoff, "base", getattr(backoff, "delay", 0.0)))
    cap = float(getattr(backoff, "cap", base))
    ceilings = np.minimum(cap, base * 2.0 ** np.minimum(np.arange(max(retries, 1)), 1000.0))
    return kind, base, float(getattr(backoff, "floor", cap)), ceilings


def _breaker(client: Client) -> gates.Breaker:
    policy = _policy(client, "consecutive-breaker", "circuit-breaker")
    share, streak = isinstance(policy, CircuitBreaker), isinstance(policy, ConsecutiveBreaker)
    window = max(policy.window, policy.probes) if share else 1
    return gates.Breaker(
        kind=2 if share else 1 if streak else 0,
        failures=policy.failures if streak else 0,
        ratio=float(policy.ratio) if share else 1.0,
        window=policy.window if share else 1,
        minimum=policy.minimum if share else 1,
        open_seconds=float(policy.open_seconds) if policy else 0.0,
        probes=policy.probes if policy else 0,
        slow_ratio=float(policy.slow_ratio) if share else 1.0,
        slow_seconds=float(policy.slow_seconds) if share else np.inf,
        state=np.zeros(3, np.int64),
        tally=np.zeros(4, np.int64),
        opened=np.zeros(1),
        calls=np.zeros(window, np.int64),
    )


def _budget(client: Client) -> gates.Budget:
    match _policy(client, "retry-budget", "grpc-retry-throttle", "envoy-retry-budget"):
        case RetryBudget(deposit=deposit, capacity=capacity, paid_by=paid_by):
            kind, first = (1 if paid_by == "success" else 2), capacity
        case GrpcBudget(token_ratio=deposit, max_tokens=capacity):
            kind, first = 3, capacity
        case EnvoyBudget(ratio=deposit, min_concurrent=capacity):
            kind, first = 4, 0.0
        case _:
            kind, deposit, capacity, first = 0, 0.0, 0.0, 0.0
    tokens = np.array([first, 0.0])
    return gates.Budget(kind=kind, deposit=float(deposit), capacity=float(capacity), tokens=tokens)


def _edges(scenario: Scenario) -> list[float]:
    everything = (*scenario.faults, *scenario.interventions)
    ends = {one.until for one in everything if one.until < np.inf}
    return sorted({0.0} | {one.at for one in everything} | ends)


def _active(scenario: Scenario, at: float) -> list[Disturbance]:
    return [one for one in (*scenario.faults, *scenario.interventions) if one.at <= at < one.until]


def _regimes(scenario: Scenario, service: Service) -> kernel.Regimes:
    """One row for each stretch between the beginnings and the ends of disturbances."""
    edges = _edges(scenario)
    rows = [_regime(service, _active(scenario, at)) for at in edges]
    workers, speed, frozen, error, ending, blocked = zip(*rows, strict=True)
    return kernel.Regimes(
        at=np.array([*edges, np.inf]),
        workers=np.array(workers, np.int64),
        speed=np.array(speed),
        queue=np.full(len(rows), service.queue.limit, np.int64),
        frozen=np.array(frozen, np.bool_),
        error=np.array(error),
        error_ending=np.array(ending, np.int64),
        blocked=np.array(blocked),
    )


def _regime(service: Service, active: list[Disturbance]) -> tuple[int, float, bool, float, int, float]:
    workers, speed, ending, survives = service.workers, 1.0, gates.ERROR, 1.0
    for one in active:
        if isinstance(one, Capacity):
            workers = one.workers or workers
            speed *= one.speed or 1.0
        elif isinstance(one, RequestErrors):
            ending = gates.OVERLOADED if one.status in OVERLOAD_STATUSES else gates.ERROR
            survives *= 1 - one.probability
    blocked = max((one.share for one in active if isinstance(one, Block)), default=0.0)
    frozen = any(isinstance(one, Pause) for one in active)
    return workers, speed, frozen, 1 - survives, ending, blocked


def _population(scenario: Scenario, name: str, client: Client) -> kernel.Population:
    """The number of users between the points where its slope changes."""
    if not isinstance(client.arrivals, Closed):
        return kernel.Population(at=np.array([0.0, np.inf]), start=np.zeros(1), end=np.zeros(1))
    jumps = {edge for spike in spikes(scenario, name) for edge in (spike.at, spike.until) if edge < np.inf}
    at = np.array(sorted({0.0} | {round(moment, 6) for moment, _ in client.shape} | jumps))
    users = client.arrivals.users
    last = np.nextafter(np.append(at[1:], at[-1] + 1.0), 0.0)
    return kernel.Population(
        at=np.append(at, np.inf),
        start=users * load_factors(scenario, name, at),
        end=users * load_factors(scenario, name, np.maximum(last, at)),
    )


def _calendar(scenario: Scenario, client: Client, plant: kernel.Plant, expected: int) -> Calendar:
    """Slices that hold about four wake-ups each, and enough of them for a backoff or a think time."""
    if isinstance(client.arrivals, Closed):
        mean = client.arrivals.think_time.mean
        rate, span = plant.users / max(mean, 1e-3), 3 * mean
    else:
        rate, span = expected * max(plant.retries, 1) / plant.duration, 0.0
    span = max(span, float(plant.ceilings.max()), 1.0)
    per_second = min(max(rate / 4, 1.0), 1e6)
    slices = 1 << int(np.clip(np.ceil(np.log2(span * per_second)), 8, 20))
    return Calendar(per_second, np.full(slices, -1, np.int32), np.array([-1, 0, 0], np.int64))


def _counts(scenario: Scenario) -> kernel.Counts:
    bins = int(np.ceil(scenario.run.duration))
    return kernel.Counts(
        requests=np.zeros((9, bins + Recorder.DRAIN), np.int64),
        service=np.full((bins, 6), np.nan),
        latencies=np.empty(LATENCIES),
        latency_at=np.empty(LATENCIES, np.int32),
        calls=np.empty((2 * SAMPLE, 4)),
        kept=np.zeros(6, np.int64),
    )


def _recorded(scenario: Scenario, counts: kernel.Counts) -> Recorder:
    """The counts as a recorder holds them."""
    recorder = Recorder(scenario)
    ((name, log),) = recorder.clients.items()
    offered, attempts, goodput, succeeded, *failed = counts.requests.tolist()
    log.offered, log.attempts, log.goodput, log.succeeded = offered, attempts, goodput, succeeded
    log.failed = dict(zip(_ENDINGS[:-1], failed, strict=True))  # type: ignore[assignment]
    kept = counts.kept[0]
    ends = np.searchsorted(counts.latency_at[:kept], np.arange(1, len(offered)))
    log.latencies = np.split(counts.latencies[:kept], ends)  # type: ignore[assignment]
    log.calls = [
        CallSample(name, intended, ended, ended - intended, _ENDINGS[int(ending)].value, int(attempts))
        for intended, ended, ending, attempts in counts.calls[: counts.kept[2]].tolist()
    ]
    _record_service(scenario, counts, recorder)
    return recorder


def _record_service(scenario: Scenario, counts: kernel.Counts, recorder: Recorder) -> None:
    ((name, service),) = scenario.services.items()
    log, regimes = recorder.services[name], _regimes(scenario, service)
    rows = np.searchsorted(regimes.at, np.arange(1, len(counts.service) + 1), side="right") - 1
    for bin_, (row, sample) in enumerate(zip(rows.tolist(), counts.service.tolist(), strict=True)):
        workers = best_concurrency(service.slowdown, int(regimes.workers[row])) * regimes.speed[row]
        capacity = 0.0 if regimes.frozen[row] else service.capacity_of(workers)
        queue, busy, *counted, arrived = sample
        log.sample(bin_, queue=queue, busy=busy, capacity=capacity, counts=tuple(counted))
        log.sample_more(bin_, arrivals=arrived, in_service=1.0)
