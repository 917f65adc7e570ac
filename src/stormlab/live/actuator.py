"""Brings a running stack in line with the disturbances that are active now, and remembers what it did."""

from __future__ import annotations

from collections.abc import Iterator

from stormlab.errors import BadInput
from stormlab.live import http
from stormlab.live.stack import Replica, Stack
from stormlab.live.toxics import toxic_of
from stormlab.scenario.disturbances import (
    Block,
    Burst,
    Capacity,
    Change,
    Disturbance,
    Down,
    Flush,
    Invalidate,
    Isolate,
    LoadSpike,
    Pause,
    Poison,
    Purge,
    RequestDelay,
    RequestErrors,
    Restart,
    Stop,
    Toxic,
)
from stormlab.scenario.model import Scenario


class Actuator:
    """Begins and ends disturbances on a stack; the load generator does those that concern clients itself."""

    def __init__(self, scenario: Scenario, stack: Stack) -> None:
        self._scenario = scenario
        self._stack = stack
        self._active: list[Disturbance] = []
        self._names = {id(one): f"{index}-{one.label}".replace(" ", "-") for index, one in enumerate(_all(scenario))}
        self.hits: dict[str, tuple[int, int]] = {}

    def begin(self, disturbance: Disturbance) -> None:
        self._active.append(disturbance)
        self._apply(disturbance, starting=True)

    def end(self, disturbance: Disturbance) -> None:
        self._active.remove(disturbance)
        self._apply(disturbance, starting=False)

    def end_all(self) -> None:
        """Lift whatever is still active when the run is over; what was stopped for good stays so."""
        for disturbance in list(self._active):
            if not isinstance(disturbance, Stop):
                self.end(disturbance)

    def prepare_end(self, disturbance: Disturbance) -> None:
        """Start what takes time to start, so that it is there when the disturbance ends."""
        if isinstance(disturbance, Stop):
            for replica in self._replicas(disturbance):
                self._stack.start(replica)

    def lead(self, disturbance: Disturbance) -> float:
        """How long before its end a disturbance wants :meth:`prepare_end`, in s."""
        if not isinstance(disturbance, Stop):
            return 0.0
        return max(replica.start_seconds for replica in self._replicas(disturbance))

    def _apply(self, changed: Disturbance, *, starting: bool) -> None:
        match changed:
            case LoadSpike() | Burst() | Block():
                pass
            case Capacity() | Change():
                self._resize()
            case RequestErrors() | RequestDelay():
                self._request_fault(changed, starting=starting)
            case Pause():
                for replica in self._replicas(changed):
                    _freeze(replica, starting=starting)
            case Stop():
                for replica in self._replicas(changed) if starting else ():
                    _kill(replica)
            case Toxic() | Down():
                for replica in self._stack.of(changed.target):
                    self._network(replica, changed, starting=starting)

    def _resize(self) -> None:
        effective = self._scenario
        for disturbance in self._active:
            if isinstance(disturbance, Change):
                effective = effective.changed(disturbance)
        for name, service in effective.services.items():
            workers, speed = service.workers, 1.0
            for disturbance in self._active:
                if isinstance(disturbance, Capacity) and disturbance.target == name:
                    workers = disturbance.workers or workers
                    speed *= disturbance.speed or 1.0
            for replica in self._stack.of(name):
                http.command("PUT", replica.admin, "/capacity", {"workers": workers, "speed": speed})

    def _request_fault(self, fault: RequestErrors | RequestDelay, *, starting: bool) -> None:
        name = self._names[id(fault)]
        if starting:
            details = {"status": fault.status} if isinstance(fault, RequestErrors) else {"delay": fault.delay}
            body = {"kind": fault.kind, "probability": fault.probability, **details}
            for replica in self._hit_by(fault):
                http.command("PUT", replica.admin, f"/faults/{name}", body)
            return
        eligible = injected = 0
        for replica in self._hit_by(fault):
            seen = http.ask(replica.admin, f"/faults/{name}")
            eligible, injected = eligible + int(seen["eligible"]), injected + int(seen["injected"])
            http.command("DELETE", replica.admin, f"/faults/{name}")
        self.hits[fault.label] = (eligible, injected)

    def _network(self, replica: Replica, fault: Disturbance, *, starting: bool) -> None:
        control, name = self._stack.control, self._names[id(fault)]
        if isinstance(fault, Toxic):
            if starting:
                control.add(replica.name, toxic_of(fault, name))
            else:
                control.remove(replica.name, name)
        elif starting:
            control.disable(replica.name)
        else:
            control.enable(replica.name)

    def _replicas(self, halt: Stop | Pause) -> Iterator[Replica]:
        return (one for one in self._stack.of(halt.target) if halt.replica in (None, one.index))

    def _hit_by(self, fault: RequestErrors | RequestDelay) -> Iterator[Replica]:
        index = fault.replica if isinstance(fault, RequestErrors) else None
        return (one for one in self._stack.of(fault.target) if index in (None, one.index))


def _freeze(replica: Replica, *, starting: bool) -> None:
    assert replica.child is not None
    if starting:
        replica.child.pause()
    else:
        replica.child.resume()


def _kill(replica: Replica) -> None:
    assert replica.child is not None
    replica.child.kill()


#: What a service may have that live services do not do.
_SIMULATED_ONLY = ("lease", "optimistic", "startup", "crash", "peers", "autoscale")
_SIMULATED_DISTURBANCES = (Flush, Invalidate, Purge, Isolate, Poison, Restart)


def refuse_what_cannot_be_done(scenario: Scenario) -> None:
    """Raises BadInput for what only the simulated world can do so far, with what to do instead."""
    for name, service in scenario.services.items():
        if service.calls:
            raise BadInput(f"services.{name}.calls: calls between services are simulated only; run it without --live")
        for key in _SIMULATED_ONLY:
            if getattr(service, key):
                raise BadInput(f"services.{name}.{key}: simulated only so far; run it without --live")
        if service.slowdown is not None:
            raise BadInput(
                f"services.{name}.slowdown: simulated only, the workers of the live service do not slow down"
            )
    for disturbance in _all(scenario):
        if isinstance(disturbance, Change):
            _refuse_change(scenario, disturbance)
        if isinstance(disturbance, Capacity) and disturbance.replicas is not None:
            raise BadInput(f"{disturbance.label}: the number of replicas is fixed in a live run; run it without --live")
        if isinstance(disturbance, _SIMULATED_DISTURBANCES) or disturbance.through is not None:
            raise BadInput(f"{disturbance.label}: simulated only so far; run it without --live")


def _refuse_change(scenario: Scenario, change: Change) -> None:
    changed = scenario.changed(change)
    for name, service in scenario.services.items():
        if changed.services[name].model_copy(update={"workers": service.workers}) != service:
            raise BadInput(
                f"{change.label}: in a live run a change can set a service's workers and a client's policies; "
                f"other keys of services.{name} are simulated only"
            )


def _all(scenario: Scenario) -> tuple[Disturbance, ...]:
    return (*scenario.faults, *scenario.interventions)
