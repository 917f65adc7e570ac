"""What of a scenario only the simulated world can play."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stormlab.errors import BadInput
from stormlab.scenario.disturbances import (
    Capacity,
    Change,
    Disturbance,
    Down,
    Misjudge,
    Poison,
    Repair,
    Restart,
    Stall,
    Toxic,
)
from stormlab.scenario.model import Scenario, Service

#: More processes of services than this are refused.
MOST_PROCESSES = 64
#: What a service may have that live services do not do.
_SIMULATED_ONLY = ("startup", "crash", "peers", "autoscale", "record", "checkers")
_SIMULATED_DISTURBANCES = (Poison, Restart, Misjudge, Stall, Repair)


class Obstacle(NamedTuple):
    """Why a scenario cannot be played live, where it says so, and what to do about it instead of leaving it."""

    where: str
    why: str = "simulated only so far"
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


def asks_others(service: Service) -> bool:
    """Whether the service needs a node to be played."""
    return bool(service.calls) or service.lease is not None or service.optimistic


def together(service: Service) -> bool:
    """Whether the replicas of the service share something, and therefore a process."""
    return service.lease is not None or service.optimistic or any(call.cache for call in service.calls)


def obstacles(scenario: Scenario) -> Iterator[Obstacle]:
    """Everything that stands against playing the scenario live."""
    for name, service in scenario.services.items():
        yield from _of_service(name, service)
    for one in _all(scenario):
        yield from _of_disturbance(scenario, one)
    yield from _of_guests(scenario)
    count = sum(1 if together(service) else service.replicas for service in scenario.services.values())
    if count > MOST_PROCESSES:
        why = f"{count} replicas would be as many processes, more than the {MOST_PROCESSES} of a live run"
        yield Obstacle("services", why, "set replicas lower")


def refuse_what_cannot_be_done(scenario: Scenario) -> None:
    """Raises BadInput for what only the simulated world can do, with what to do instead."""
    for one in obstacles(scenario):
        raise BadInput(f"{one}; {f'{one.remedy}, or ' if one.remedy else ''}run it without --live")


def _of_service(name: str, service: Service) -> Iterator[Obstacle]:
    if service.url is not None:
        return
    for key in _SIMULATED_ONLY:
        if getattr(service, key):
            yield Obstacle(f"services.{name}.{key}")
    if service.lease is not None and (service.lease.work != 1 or service.lease.rate is not None):
        yield Obstacle(f"services.{name}.lease", "work and rate are simulated only so far")
    for index, call in enumerate(service.calls):
        if call.buffer is not None:
            yield Obstacle(f"services.{name}.calls.{index}.buffer")


def _of_disturbance(scenario: Scenario, one: Disturbance) -> Iterator[Obstacle]:
    if isinstance(one, _SIMULATED_DISTURBANCES):
        yield Obstacle(one.label)
    if isinstance(one, Capacity) and one.replicas is not None:
        yield Obstacle(one.label, "the number of replicas is fixed in a live run")
    if isinstance(one, Change):
        yield from _of_change(scenario, one)
    replica = getattr(one, "replica", None)
    if replica is not None and together(service := scenario.services[one.target]) and service.replicas > 1:
        why = f"the replicas of {one.target!r} share a cache, leases or versions, and run as one live process"
        yield Obstacle(one.label, why, "remove replica")


def _of_change(scenario: Scenario, change: Change) -> Iterator[Obstacle]:
    changed = scenario.changed(change)
    for name, service in scenario.services.items():
        numbers = {"workers": service.workers, "queue": service.queue}
        if changed.services[name].model_copy(update=numbers) != service:
            why = "in a live run a change can set workers and queue.limit of a service, and policies of a client; other"
            yield Obstacle(change.label, f"{why} keys of services.{name} are simulated only")


def _of_guests(scenario: Scenario) -> Iterator[Obstacle]:
    """Of a service that somebody else runs, only the way to it and its callers can be disturbed."""
    guests = {name for name, service in scenario.services.items() if service.url is not None}
    for name in scenario.services.keys() - guests:
        for index, call in enumerate(scenario.services[name].calls):
            if call.target in guests:
                yield Obstacle(f"services.{name}.calls.{index}", "a live service calls none with a url; clients do")
    for one in _all(scenario):
        touched = one.target in guests and not isinstance(one, Toxic | Down)
        if touched or (one.through is not None and one.through.service in guests):
            remedy = "use a network fault (such as latency, bandwidth or down) or a load-spike"
            yield Obstacle(one.label, f"{one.target!r} is a program of yours (url), which is left alone", remedy)


def _all(scenario: Scenario) -> tuple[Disturbance, ...]:
    return (*scenario.faults, *scenario.interventions)
