"""Which scenarios the kernel knows: everything that is not listed here is refused, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from stormlab.policies import (
    CircuitBreaker,
    ConsecutiveBreaker,
    Deadline,
    EnvoyBudget,
    GrpcBudget,
    Retry,
    RetryBudget,
    Timeout,
)
from stormlab.policies.backoff import BookJitter, Decorrelated, EqualJitter, Exponential, Fixed, FullJitter, NoBackoff
from stormlab.scenario import distributions
from stormlab.scenario.disturbances import (
    Block,
    Burst,
    Capacity,
    Flush,
    Invalidate,
    LoadSpike,
    Pause,
    RequestErrors,
)
from stormlab.scenario.model import (
    Client,
    Closed,
    Dependency,
    Paced,
    Poisson,
    Queue,
    RunSettings,
    Scenario,
    Service,
    Trace,
)
from stormlab.scenario.parts import Cache, ExponentialSlowdown, PowerSlowdown, UniformKeys, ZipfKeys

#: The fields that are understood, by the type they belong to. Any other field must have its default.
KNOWN: dict[type[BaseModel], frozenset[str]] = {
    Scenario: frozenset(
        {"name", "variant", "title", "description", "run", "services", "clients", "faults", "interventions", "expect"}
    ),
    RunSettings: frozenset(["duration", "warmup", "seed", "recover_within", "live_speed"]),
    Service: frozenset(["url", "workers", "service_time", "slowdown", "queue", "calls"]),
    Dependency: frozenset(["target", "policies", "cache"]),
    Cache: frozenset(["capacity", "ttl", "jitter", "coalesce", "on_error"]),
    Queue: frozenset({"limit", "discipline"}),
    Client: frozenset(["target", "arrivals", "policies", "shape", "keys"]),
    UniformKeys: frozenset(["kind", "count"]),
    ZipfKeys: frozenset(["kind", "count", "exponent"]),
    Poisson: frozenset({"kind", "rate"}),
    Paced: frozenset({"kind", "rate"}),
    Trace: frozenset({"kind", "times"}),
    Closed: frozenset({"kind", "users", "think_time"}),
    ExponentialSlowdown: frozenset({"kind", "strength"}),
    PowerSlowdown: frozenset({"kind", "strength", "exponent"}),
    LoadSpike: frozenset(["kind", "name", "at", "lasting", "target", "factor"]),
    Burst: frozenset(["kind", "name", "at", "lasting", "target", "requests"]),
    Capacity: frozenset(["kind", "name", "at", "lasting", "target", "speed", "workers"]),
    RequestErrors: frozenset(["kind", "name", "at", "lasting", "target", "probability", "status"]),
    Pause: frozenset(["kind", "name", "at", "lasting", "target"]),
    Flush: frozenset(["kind", "name", "at", "target", "share"]),
    Invalidate: frozenset(["kind", "name", "at", "lasting", "target"]),
    Block: frozenset(["kind", "name", "at", "lasting", "target", "share"]),
}

#: Where a policy may stand, the outermost first; at most one of each place, gates in either order.
PLACES: dict[type[Any], int] = {
    Deadline: 0,
    Retry: 1,
    ConsecutiveBreaker: 2,
    CircuitBreaker: 2,
    RetryBudget: 3,
    GrpcBudget: 3,
    EnvoyBudget: 3,
    Timeout: 4,
}

#: It has a place for each worker, and for each call that a breaker remembers.
MOST = 1_000_000

DISCIPLINES = ("fifo", "lifo")
BACKOFFS = (NoBackoff, Fixed, Exponential, FullJitter, EqualJitter, Decorrelated, BookJitter)
TIMES = (distributions.Fixed, distributions.Exponential, distributions.LogNormal, distributions.Uniform)


def misfit(scenario: Scenario) -> str | None:
    """Why the kernel cannot play ``scenario``; ``None`` when it can."""
    return next(_objections(scenario), None)


def _objections(scenario: Scenario) -> Iterator[str]:
    if len(scenario.clients) != 1:
        yield f"it plays one client, not {len(scenario.clients)}"
        return
    ((name, client),) = scenario.clients.items()
    yield from _arrangement(scenario, client.target)
    yield from _unknown("the scenario", scenario)
    yield from _unknown("run", scenario.run)
    for service_name, service in scenario.services.items():
        yield from _service(f"services.{service_name}", service)
    yield from _unknown(f"clients.{name}", client)
    yield from _unknown(f"clients.{name}.arrivals", client.arrivals)
    if client.keys is not None:
        yield from _unknown(f"clients.{name}.keys", client.keys)
    if isinstance(client.arrivals, Closed):
        yield from _time(f"clients.{name}.arrivals.think_time", client.arrivals.think_time)
    yield from _policies(f"clients.{name}.policies", client.policies)
    for disturbance in (*scenario.faults, *scenario.interventions):
        yield from _unknown(f"the disturbance {disturbance.label!r}", disturbance)
        if isinstance(disturbance, Capacity):
            yield from _too_many(f"workers of the disturbance {disturbance.label!r}", disturbance.workers or 0)


def _arrangement(scenario: Scenario, front: str) -> Iterator[str]:
    """One service, or one that asks another one."""
    calls = scenario.services[front].calls
    if len(calls) > 1:
        yield f"it knows one call of a service, not {len(calls)} (services.{front}.calls)"
    if set(scenario.services) != {front, *(call.target for call in calls)}:
        yield f"it plays a service and at most one that it calls, not {len(scenario.services)} services"


def _service(place: str, service: Service) -> Iterator[str]:
    yield from _unknown(place, service)
    yield from _too_many(f"{place}.workers", service.workers)
    yield from _unknown(f"{place}.queue", service.queue)
    if service.queue.discipline not in DISCIPLINES:
        yield f"it knows no {service.queue.discipline!r} ({place}.queue.discipline)"
    if service.slowdown is not None:
        yield from _unknown(f"{place}.slowdown", service.slowdown)
    yield from _time(f"{place}.service_time", service.service_time)
    for call in service.calls:
        yield from _unknown(f"{place}.calls", call)
        if call.cache is not None:
            yield from _unknown(f"{place}.calls.cache", call.cache)
        if [type(policy) for policy in call.policies] not in ([], [Timeout]):
            yield f"it knows no policies of a call but one timeout ({place}.calls.policies)"


def _unknown(place: str, value: BaseModel) -> Iterator[str]:
    known = KNOWN.get(type(value))
    if known is None:
        kind = getattr(value, "kind", type(value).__name__)
        yield f"it knows no {kind!r} ({place})"
        return
    for field, description in type(value).model_fields.items():
        if field not in known and getattr(value, field) != description.get_default(call_default_factory=True):
            yield f"it knows no {field!r} of {place}"


def _too_many(place: str, number: int) -> Iterator[str]:
    if number > MOST:
        yield f"it has room for {MOST:,} at most, not {number:,} ({place})"


def _time(place: str, distribution: Any) -> Iterator[str]:
    if type(distribution) not in TIMES:
        yield f"it knows no {distribution.kind!r} ({place})"


def _policies(place: str, policies: Any) -> Iterator[str]:
    for policy in policies:
        if type(policy) not in PLACES:
            yield f"it knows no {policy.kind!r} ({place})"
            return
        if isinstance(policy, Retry) and type(policy.backoff) not in BACKOFFS:
            yield f"it knows no backoff {policy.backoff.kind!r} ({place})"
            return
        if isinstance(policy, CircuitBreaker):
            yield from _too_many(f"{place}: window", policy.window)
    order = [PLACES[type(policy)] for policy in policies]
    merged = [2 if one == 3 else one for one in order]
    if merged != sorted(merged) or len(set(order)) != len(order):
        yield f"it knows the order deadline, retry, breaker and budget, timeout, one of each at most ({place})"
