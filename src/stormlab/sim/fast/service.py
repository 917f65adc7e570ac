"""What a service does: it takes an attempt in or refuses it, and its workers take one after the other from the queue.

Callers are numbers, of clients or of the workers of another service; what an attempt is about is its ``key``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.calendar import calendar_at, put
from stormlab.sim.fast.chance import draw, uniform
from stormlab.sim.fast.gates import ERROR, OVERLOADED, PENDING
from stormlab.sim.fast.memory import part
from stormlab.sim.fast.records import condition_at, job_at, queued_at


@part
def submit(world: Any, service: Any, caller: int, number: int, key: int, until: float, now: float) -> Any:
    """An attempt arrives, whose caller leaves at ``until``; answers how it ended, or that it is ``PENDING``."""
    service.arrived += 1
    if service.error > 0.0:
        chance = uniform(world.streams, service.faults)
        if chance < service.error:
            return OVERLOADED if chance < service.overload else ERROR
    if service.busy < service.workers and service.frozen == 0:
        begin(world, service, caller, number, key, until, now)
        return PENDING
    if service.tail - service.head >= service.queue_limit:
        service.rejected += 1
        return OVERLOADED
    entry = queued_at(service.queue, service.tail & service.mask)
    entry.until, entry.caller, entry.number, entry.key = until, caller, number, key
    service.tail += 1
    if service.tail - service.head > service.mask:
        world.full = 1
    return PENDING


@part
def service_seconds(world: Any, service: Any) -> Any:
    """How long a request takes that is one of ``busy``."""
    seconds = draw(world.streams, service.stream, service.time_kind, service.time_first, service.time_second)
    if service.slowdown_kind == 1:
        seconds *= np.exp(service.slowdown_strength * service.busy / service.workers)
    elif service.slowdown_kind == 2:
        seconds *= 1 + service.slowdown_strength * (service.busy / service.workers) ** service.slowdown_exponent
    return seconds / service.speed


@part
def begin(world: Any, service: Any, caller: int, number: int, key: int, until: float, now: float) -> None:
    """An idle worker takes an attempt."""
    work = service.idle
    job = job_at(service.jobs, work)
    service.idle = job.following
    service.busy += 1
    job.until, job.caller, job.number, job.key = until, caller, number, key
    put(calendar_at(service.works, 0), work, now + service_seconds(world, service))


@part
def fill(world: Any, service: Any, now: float) -> None:
    """Idle workers take the first or the last of the queue."""
    while service.tail > service.head and service.busy < service.workers and service.frozen == 0:
        if service.lifo != 0:
            service.tail -= 1
            place = service.tail
        else:
            place = service.head
            service.head += 1
        entry = queued_at(service.queue, place & service.mask)
        begin(world, service, entry.caller, entry.number, entry.key, entry.until, now)


@part
def release(service: Any, work: int, now: float) -> None:
    """A worker has answered, its caller or nobody."""
    job = job_at(service.jobs, work)
    job.following = service.idle
    service.idle = work
    service.busy -= 1
    service.completions += 1
    if now > job.until:
        service.wasted += 1


@part
def change_conditions(service: Any, row: Any, now: float) -> None:
    """What holds for a service in the regime that begins now."""
    condition = condition_at(service.conditions, row)
    service.workers, service.speed, service.queue_limit = condition.workers, condition.speed, condition.queue
    service.error, service.overload = condition.error, condition.overload
    if condition.frozen != 0 and service.frozen == 0:
        service.frozen_since = now
    elif condition.frozen == 0 and service.frozen != 0:
        calendar_at(service.works, 0).offset += now - service.frozen_since
    service.frozen = condition.frozen
