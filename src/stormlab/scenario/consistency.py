"""What can only be checked on the whole scenario: references, times, order of policies, size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stormlab.errors import InvalidValue
from stormlab.policies import Policy
from stormlab.scenario.changes import changed
from stormlab.scenario.disturbances import (
    Block,
    Burst,
    Capacity,
    Change,
    Disturbance,
    Flush,
    Invalidate,
    LoadSpike,
    Misjudge,
    Pause,
    Repair,
    RequestErrors,
    Stall,
    Stop,
)
from stormlab.scenario.paths import near
from stormlab.scenario.vocabulary import TIME_TO_RECOVER

if TYPE_CHECKING:
    from stormlab.scenario.model import Client, Scenario

#: More requests than this in one run are refused.
MOST_REQUESTS = 50e6

#: Policies that count retries and therefore see nothing when they stand outside of the policy that makes them.
_INSIDE_RETRY = ("retry-budget", "retry-ratio")


def contradictions(scenario: Scenario) -> list[InvalidValue]:
    """Everything in the scenario that does not go together; the field of each is its dotted path in the file."""
    wrong_names = list(_unknown_names(scenario))
    return wrong_names or [
        *_circles(scenario),
        *_orders(scenario),
        *_disturbances(scenario),
        *_replicas(scenario),
        *_caches(scenario),
        *_needs(scenario),
        *_windows(scenario),
        *_traces(scenario),
        *_loops(scenario),
        *_sizes(scenario),
    ]


def _unknown_names(scenario: Scenario) -> Iterator[InvalidValue]:
    for name, client in scenario.clients.items():
        yield from _reference(f"clients.{name}.target", client.target, scenario.services, "service")
    for name, service in scenario.services.items():
        for index, call in enumerate(service.calls):
            field = f"services.{name}.calls.{index}.target"
            yield from _reference(field, call.target, scenario.services, "service")
    for name, service in scenario.services.items():
        if service.lease is not None:
            field = f"services.{name}.lease.source"
            yield from _reference(field, service.lease.source, scenario.services, "service")
            if service.lease.source == name:
                yield InvalidValue(field, "a service cannot grant its own leases; name another one")
        if service.startup is not None and service.startup.source is not None:
            field = f"services.{name}.startup.source"
            yield from _reference(field, service.startup.source, scenario.services, "service")
        if service.checkers is not None:
            field = f"services.{name}.checkers.source"
            yield from _reference(field, service.checkers.source, scenario.services, "service")
    for index, expectation in enumerate(scenario.expect):
        if expectation.service is not None:
            field = f"expect.{index}.service"
            yield from _reference(field, expectation.service, scenario.services, "service")
    for path, disturbance in _all_disturbances(scenario):
        if disturbance.through is not None:
            yield from _reference(f"{path}.through.service", disturbance.through.service, scenario.services, "service")
            if path.startswith("faults"):
                yield InvalidValue(f"{path}.through", "only interventions have to get through; faults just happen")
        if isinstance(disturbance, Block):
            leased = [name for name, service in scenario.services.items() if service.lease]
            known = [*scenario.clients, *leased]
            yield from _reference(f"{path}.target", disturbance.target, known, "client or service with a lease")
        elif isinstance(disturbance, LoadSpike | Burst):
            yield from _reference(f"{path}.target", disturbance.target, scenario.clients, "client")
        elif not isinstance(disturbance, Change):
            yield from _reference(f"{path}.target", disturbance.target, scenario.services, "service")


def _reference(field: str, target: str, known: Collection[str], noun: str) -> Iterator[InvalidValue]:
    if target not in known:
        yield InvalidValue(
            field, f"there is no {noun} {target!r}{near(target, known)} (there is: {', '.join(sorted(known))})"
        )


def _circles(scenario: Scenario) -> Iterator[InvalidValue]:
    """A request that comes back to a service it is already in would hold workers while it waits for workers."""
    calls = {name: [call.target for call in service.calls] for name, service in scenario.services.items()}
    for name, targets in calls.items():
        for index, target in enumerate(targets):
            if name in _reachable(calls, target):
                problem = f"calls go round in a circle: {target!r} leads back to {name!r}; remove one of the calls"
                yield InvalidValue(f"services.{name}.calls.{index}.target", problem)


def _reachable(calls: Mapping[str, Sequence[str]], start: str) -> set[str]:
    found, todo = set[str](), [start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += calls[name]
    return found


def _orders(scenario: Scenario) -> Iterator[InvalidValue]:
    for name, client in scenario.clients.items():
        yield from _order(f"clients.{name}.policies", client.policies)
    for name, service in scenario.services.items():
        for index, call in enumerate(service.calls):
            yield from _order(f"services.{name}.calls.{index}.policies", call.policies)


def _order(field: str, policies: Sequence[Policy]) -> Iterator[InvalidValue]:
    kinds = [policy.kind for policy in policies]
    for index, kind in enumerate(kinds):
        if kind in _INSIDE_RETRY and "retry" not in kinds[:index]:
            problem = f"{kind!r} limits the retries of a 'retry' that stands before it; write retry → {kind} → timeout"
            yield InvalidValue(f"{field}.{index}", problem)


def _disturbances(scenario: Scenario) -> Iterator[InvalidValue]:
    duration = scenario.run.duration
    for path, disturbance in _all_disturbances(scenario):
        if disturbance.at >= duration:
            yield InvalidValue(f"{path}.at", f"{disturbance.at:g} s is past the end of the run ({duration:g} s)")
        if isinstance(disturbance, Change):
            try:
                changed(scenario, disturbance)
            except InvalidValue as error:
                yield InvalidValue(f"{path}.{error.field}", error.problem)
    for index, fault in enumerate(scenario.faults):
        if fault.at < 1:
            problem = "the first second belongs to the baseline, to which the rest is compared; begin the fault later"
            yield InvalidValue(f"faults.{index}.at", problem)


def _replicas(scenario: Scenario) -> Iterator[InvalidValue]:
    for path, disturbance in _all_disturbances(scenario):
        if isinstance(disturbance, Capacity) and disturbance.replicas and scenario.services[disturbance.target].lease:
            yield InvalidValue(f"{path}.replicas", "replicas that hold leases are always as many; give workers instead")
        if (
            isinstance(disturbance, Capacity)
            and disturbance.replicas
            and scenario.services[disturbance.target].autoscale
        ):
            yield InvalidValue(
                f"{path}.replicas", "the autoscaler decides how many there are; change its least or most"
            )
        if isinstance(disturbance, Stop | Pause | RequestErrors) and disturbance.replica is not None:
            number = scenario.services[disturbance.target].replicas
            if disturbance.replica >= number:
                problem = f"{disturbance.target!r} has {number} of them, counted from 0"
                yield InvalidValue(f"{path}.replica", problem)


def _caches(scenario: Scenario) -> Iterator[InvalidValue]:
    """A cache needs requests that differ, and a flush something to forget."""
    cached = {name for name, service in scenario.services.items() if any(call.cache for call in service.calls)}
    calls = {name: [call.target for call in service.calls] for name, service in scenario.services.items()}
    for name, client in scenario.clients.items():
        reached = sorted(cached & _reachable(calls, client.target))
        if reached and client.keys is None:
            problem = f'{reached[0]!r} has a cache; say what is asked for: keys = {{ kind = "uniform", count = 100 }}'
            yield InvalidValue(f"clients.{name}.keys", problem)
    for path, disturbance in _all_disturbances(scenario):
        if isinstance(disturbance, Flush | Invalidate) and disturbance.target not in cached:
            problem = f"no call of {disturbance.target!r} has a cache; name the service whose call has one"
            yield InvalidValue(f"{path}.target", problem)


def _needs(scenario: Scenario) -> Iterator[InvalidValue]:
    """What makes no sense without something else."""
    for name, service in scenario.services.items():
        if service.checkers is not None and service.health is None:
            yield InvalidValue(f"services.{name}.checkers", "they check health; say how: health = { interval = 10 }")
    for path, disturbance in _all_disturbances(scenario):
        if isinstance(disturbance, Stall | Repair) and scenario.services[disturbance.target].record is None:
            yield InvalidValue(f"{path}.target", f"{disturbance.target!r} has no record")
        if isinstance(disturbance, Misjudge) and scenario.services[disturbance.target].health is None:
            yield InvalidValue(f"{path}.target", f"the health of {disturbance.target!r} is not checked")


def _windows(scenario: Scenario) -> Iterator[InvalidValue]:
    duration = scenario.run.duration
    for index, expectation in enumerate(scenario.expect):
        if expectation.client is not None:
            yield from _reference(f"expect.{index}.client", expectation.client, scenario.clients, "client")
        if not isinstance(expectation.window, str) and expectation.window[1] > duration:
            problem = f"it ends at {expectation.window[1]:g} s, after the run ({duration:g} s)"
            yield InvalidValue(f"expect.{index}.window", problem)
        if (
            expectation.measure not in (None, TIME_TO_RECOVER)
            and expectation.window == "after"
            and _faulty_to_the_end(scenario)
        ):
            problem = 'nothing comes after faults that last to the end of the run; write window = "fault" or "end"'
            yield InvalidValue(f"expect.{index}.window", problem)


def _faulty_to_the_end(scenario: Scenario) -> bool:
    return bool(scenario.faults) and scenario.trigger_end >= scenario.run.duration


def _traces(scenario: Scenario) -> Iterator[InvalidValue]:
    """Recorded arrivals are what they are: nothing multiplies them."""
    recorded = {name for name, client in scenario.clients.items() if client.arrivals.kind == "trace"}
    for name in recorded:
        if scenario.clients[name].shape:
            yield InvalidValue(f"clients.{name}.shape", "a trace has no shape but its own; put it into the times")
    users = {name for name, client in scenario.clients.items() if client.arrivals.kind == "closed"}
    for path, disturbance in _all_disturbances(scenario):
        if isinstance(disturbance, LoadSpike | Burst) and disturbance.target in recorded:
            problem = f"the arrivals of {disturbance.target!r} are a trace; put the {disturbance.kind} into its times"
            yield InvalidValue(f"{path}.target", problem)
        elif isinstance(disturbance, Burst) and disturbance.target in users:
            problem = f"{disturbance.target!r} is a closed loop, whose users make no further requests; use load-spike"
            yield InvalidValue(f"{path}.target", problem)


def _loops(scenario: Scenario) -> Iterator[InvalidValue]:
    """Time has to pass between the requests of a user."""
    for name, client in scenario.clients.items():
        if client.arrivals.kind == "closed" and client.arrivals.think_time.mean == client.latency == 0:
            problem = (
                "users who are turned away would ask again in no time, for ever; give it a mean above 0, say 0.001"
            )
            yield InvalidValue(f"clients.{name}.arrivals.think_time", problem)


def _sizes(scenario: Scenario) -> Iterator[InvalidValue]:
    for name, client in scenario.clients.items():
        requests = expected_requests(scenario, name, client)
        if requests > MOST_REQUESTS:
            problem = (
                f"about {requests:,.0f} requests are more than the {MOST_REQUESTS:,.0f} that one run may have; "
                "shorten run.duration, or divide rates and workers by the same number"
            )
            yield InvalidValue(f"clients.{name}.arrivals", problem)


def expected_requests(scenario: Scenario, name: str, client: Client) -> float:
    """How many requests the client will make, retries not counted; for closed loops the most it could make."""
    from stormlab.scenario.demand import bursts_of, cumulative  # and with it numpy, which reading a file can do without

    arrivals = client.arrivals
    if arrivals.kind == "trace":
        return len(arrivals.times)
    seconds = float(cumulative(scenario, name)[1][-1])
    if arrivals.kind == "closed":
        cycle = arrivals.think_time.mean + scenario.services[client.target].service_time.mean + 2 * client.latency
        return arrivals.users * seconds / max(cycle, 1e-6)
    return arrivals.rate * seconds + sum(burst.requests for burst in bursts_of(scenario, name))


def _all_disturbances(scenario: Scenario) -> Iterator[tuple[str, Disturbance]]:
    """Faults and interventions with their dotted paths."""
    listed: dict[str, Any] = {"faults": scenario.faults, "interventions": scenario.interventions}
    for where, disturbances in listed.items():
        for index, disturbance in enumerate(disturbances):
            yield f"{where}.{index}", disturbance
