"""Brings a running stack in line with the disturbances that are active now, and remembers what it did."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from stormlab.live import http
from stormlab.live.operators import Operators
from stormlab.live.stack import VALUE_PATH, Process, Replica, Stack
from stormlab.live.toxics import toxic_of
from stormlab.scenario.disturbances import (
    Block,
    Capacity,
    Change,
    Disturbance,
    Down,
    Flush,
    Invalidate,
    Isolate,
    Pause,
    Purge,
    RequestDelay,
    RequestErrors,
    Stop,
    Toxic,
)
from stormlab.scenario.model import Scenario
from stormlab.scenario.streams import stream

#: What a name in the path of a command is better without.
_UNSAFE = re.compile("[^A-Za-z0-9.-]+")


class Actuator:
    """Begins and ends disturbances on a stack; the load generator does those that concern clients itself.

    ``isolated`` tells which share of the replicas each isolation has cut off, ``achieved`` since when, by ``clock``,
    interventions have been in effect that operators had to get through; both by label.
    """

    def __init__(self, scenario: Scenario, stack: Stack, *, seed: int, clock: Callable[[], float]) -> None:
        self._scenario = scenario
        self._stack = stack
        self._clock = clock
        self._random = stream(seed, "isolation")
        self._isolated: dict[int, list[Process]] = {}
        self._operators: dict[int, Operators] = {}
        self._through: SimpleQueue[Disturbance] = SimpleQueue()
        self.achieved: dict[str, float] = {}
        self.isolated: dict[str, float] = {}
        self._active: list[Disturbance] = []
        self._names = {id(one): f"{i}-{_UNSAFE.sub('-', one.label)}" for i, one in enumerate(_all(scenario))}
        self.hits: dict[str, tuple[int, int]] = {}

    def begin(self, disturbance: Disturbance) -> None:
        """Let it take effect, or send its operators on their way."""
        through = disturbance.through
        if through is None:
            return self._take_effect(disturbance)
        addresses = [replica.proxied for replica in self._stack.of(through.service)]
        operators = Operators(through, addresses, VALUE_PATH, lambda: self._through.put(disturbance))
        self._operators[id(disturbance)] = operators
        return None

    def look_after(self) -> None:
        """Let take effect whose operators have got through meanwhile."""
        while not self._through.empty():
            disturbance = self._through.get()
            if id(disturbance) in self._operators:
                self.achieved[disturbance.label] = self._clock()
                self._take_effect(disturbance)

    def end(self, disturbance: Disturbance) -> None:
        if operators := self._operators.pop(id(disturbance), None):
            operators.give_up()
        if any(one is disturbance for one in self._active):
            self._active = [one for one in self._active if one is not disturbance]
            self._apply(disturbance, starting=False)

    def end_all(self) -> None:
        """Lift whatever is still active when the run is over; what was stopped for good stays so."""
        for operators in self._operators.values():
            operators.give_up()
        for disturbance in list(self._active):
            if not isinstance(disturbance, Stop):
                self.end(disturbance)

    def prepare_end(self, disturbance: Disturbance) -> None:
        """Start what takes time to start, so that it is there when the disturbance ends."""
        if isinstance(disturbance, Stop):
            for process in self._processes(disturbance):
                self._stack.start(process)

    def lead(self, disturbance: Disturbance) -> float:
        """How long before its end a disturbance wants :meth:`prepare_end`, in s."""
        if not isinstance(disturbance, Stop):
            return 0.0
        return max(process.start_seconds for process in self._processes(disturbance))

    def _take_effect(self, disturbance: Disturbance) -> None:
        self._active.append(disturbance)
        self._apply(disturbance, starting=True)

    def _apply(self, changed: Disturbance, *, starting: bool) -> None:
        match changed:
            case Block():
                self._hold_back(changed, starting=starting)
            case Flush() | Invalidate() | Purge() | Isolate():
                self._operate(changed, starting=starting)
            case Capacity() | Change():
                self._resize()
            case RequestErrors() | RequestDelay():
                self._request_fault(changed, starting=starting)
            case Pause():
                for process in self._processes(changed):
                    _freeze(process, starting=starting)
            case Stop():
                for process in self._processes(changed) if starting else ():
                    _kill(process)
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
            numbers = {"workers": workers, "speed": speed, "queue_limit": service.queue.limit}
            for process in self._stack.processes_of(name):
                http.command("PUT", process.admin, "/capacity", numbers)

    def _operate(self, one: Flush | Invalidate | Purge | Isolate, *, starting: bool) -> None:
        if isinstance(one, Isolate):
            return self._isolate(one, starting=starting)
        for process in self._stack.processes_of(one.target):
            match one:
                case Flush() if starting:
                    http.command("POST", process.admin, "/caches/flush", {"share": one.share, "for": one.lasting})
                case Invalidate():
                    http.command("PUT" if starting else "DELETE", process.admin, "/caches/invalid")
                case Purge(keep=keep, answer=answer):
                    http.command("POST", process.admin, "/purge", {"keep": keep, "answer": answer})
        return None

    def _isolate(self, one: Isolate, *, starting: bool) -> None:
        """Cut a share of the replicas off: of those of the one process, or of the processes."""
        path = f"/isolations/{self._names[id(one)]}"
        if not starting:
            for process in self._isolated.pop(id(one)):
                http.command("DELETE", process.admin, path)
            return
        processes, share = self._stack.processes_of(one.target), one.share
        if len(processes) > 1:
            processes, share = self._random.sample(processes, round(share * len(processes))), 1.0
        self._isolated[id(one)] = processes
        answers = [json.loads(http.command("PUT", process.admin, path, {"share": share})) for process in processes]
        self.isolated[one.label] = sum(answer["isolated"] for answer in answers) / len(self._stack.of(one.target))

    def _hold_back(self, block: Block, *, starting: bool) -> None:
        """Hold back the requests for the leases of a service; the load generator turns away those of a client."""
        service = self._scenario.services.get(block.target)
        if service is None or service.lease is None:
            return
        share = {"share": block.share, "to": block.to, "for": block.lasting}
        for process in self._stack.processes_of(block.target):
            http.command("PUT" if starting else "DELETE", process.admin, f"/blocks/{self._names[id(block)]}", share)

    def _request_fault(self, fault: RequestErrors | RequestDelay, *, starting: bool) -> None:
        name = self._names[id(fault)]
        if starting:
            details = {"status": fault.status} if isinstance(fault, RequestErrors) else {"delay": fault.delay}
            body = {"kind": fault.kind, "probability": fault.probability, **details}
            for process in self._hit_by(fault):
                http.command("PUT", process.admin, f"/faults/{name}", body)
            return
        eligible = injected = 0
        for process in self._hit_by(fault):
            seen = http.ask(process.admin, f"/faults/{name}")
            eligible, injected = eligible + int(seen["eligible"]), injected + int(seen["injected"])
            http.command("DELETE", process.admin, f"/faults/{name}")
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

    def _processes(self, halt: Stop | Pause) -> Iterator[Process]:
        return self._with_replica(halt.target, halt.replica)

    def _hit_by(self, fault: RequestErrors | RequestDelay) -> Iterator[Process]:
        return self._with_replica(fault.target, fault.replica if isinstance(fault, RequestErrors) else None)

    def _with_replica(self, service: str, index: int | None) -> Iterator[Process]:
        return (one for one in self._stack.processes_of(service) if index in (None, one.replicas[0].index))


def _freeze(process: Process, *, starting: bool) -> None:
    assert process.child is not None
    if starting:
        process.child.pause()
    else:
        process.child.resume()


def _kill(process: Process) -> None:
    assert process.child is not None
    process.child.kill()


def _all(scenario: Scenario) -> tuple[Disturbance, ...]:
    return (*scenario.faults, *scenario.interventions)
