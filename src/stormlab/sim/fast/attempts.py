"""What a client does: ask, attempt, fail, try again, and be done; and what the service does with an attempt."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.calendar import calendar_at, put
from stormlab.sim.fast.chance import draw, uniform
from stormlab.sim.fast.gates import (
    OVERLOADED,
    REFUSED,
    breaker_admits,
    breaker_at,
    breaker_ignores,
    breaker_settles,
    budget_admits,
    budget_at,
    budget_settles,
)
from stormlab.sim.fast.memory import part, real
from stormlab.sim.fast.records import (
    ATTEMPTS,
    EDGE,
    FAULTS,
    OFFERED,
    POLICIES,
    SERVICE,
    THINK,
    client_at,
    job_at,
    memory_at,
    queued_at,
)
from stormlab.sim.fast.rings import begin_limit, cross_out, is_full, ring_at
from stormlab.sim.fast.tally import bin_of, count, note

#: What a client does next.
NOTHING, ATTEMPT, FAIL, END = range(4)

#: The kind of backoff that depends on the wait before.
DECORRELATED = 5


@part
def think(world: Any, user: int, now: float) -> None:
    """A user thinks before the next request."""
    seconds = draw(world.streams, THINK, world.think_kind, world.think_first, world.think_second)
    put(calendar_at(world.waits, 0), user, now + seconds)


@part
def ask(world: Any, client: int, now: float) -> Any:
    """A new request; answers what its client does now."""
    one = client_at(world.clients, client)
    count(world, OFFERED, np.int64(now))
    one.intended = now
    one.limit = one.deadline = -1
    if world.blocked > 0.0 and uniform(world.streams, EDGE) < world.blocked:
        world.ending = REFUSED
        return END
    one.attempt = 1
    if world.deadline < np.inf:
        one.deadline = begin_limit(ring_at(world.deadlines, 0), client, now + world.deadline)
        world.full |= is_full(ring_at(world.deadlines, 0))
    return ATTEMPT


@part
def admits(world: Any, client: int, now: float) -> Any:
    """Whether breaker and budget, in their order, let an attempt pass."""
    breaker, budget = breaker_at(world.breaker, 0), budget_at(world.budget, 0)
    if breaker.kind == 0 and budget.kind == 0:
        return True
    one, memory = client_at(world.clients, client), memory_at(world.memories, client)
    budget_first = budget.kind > 0 and world.breaker_first == 0
    if budget_first and not budget_admits(budget, one.attempt):
        return False
    if breaker.kind > 0:
        admitted = breaker_admits(breaker, now)
        memory.period, memory.started = breaker.period, now
        if not admitted:
            if budget_first:
                budget_settles(budget, one.attempt, REFUSED)
            return False
    if budget.kind > 0 and not budget_first and not budget_admits(budget, one.attempt):
        if breaker.kind > 0:
            breaker_ignores(breaker, memory.period)
        return False
    return True


@part
def enqueue(world: Any, client: int, now: float) -> None:
    """The attempt waits for a worker, its client for an answer."""
    one = client_at(world.clients, client)
    until = one.intended + world.deadline
    if now + world.time_limit < until:
        until = now + world.time_limit
        one.limit = begin_limit(ring_at(world.limits, 0), client, until)
        world.full |= is_full(ring_at(world.limits, 0))
    entry = queued_at(world.queue, world.queue_tail & world.queue_mask)
    entry.until, entry.client, entry.number = until, client, one.number
    world.queue_tail += 1
    if world.queue_tail - world.queue_head > world.queue_mask:
        world.full = 1


@part
def attempt(world: Any, client: int, now: float) -> Any:
    """Send an attempt, if the gates allow it; answers what the client does at once."""
    one = client_at(world.clients, client)
    if not admits(world, client, now):
        world.ending = REFUSED if one.attempt == 1 else memory_at(world.memories, client).cause
        one.attempt -= 1
        return END
    count(world, ATTEMPTS, bin_of(world, now))
    world.arrived += 1
    if world.error > 0.0 and (world.error >= 1.0 or uniform(world.streams, FAULTS) < world.error):
        world.ending = world.error_ending
        return FAIL
    waiting = world.queue_tail - world.queue_head
    if waiting >= world.queue_limit and (world.busy >= world.workers or world.frozen != 0):
        world.rejected += 1
        world.ending = OVERLOADED
        return FAIL
    enqueue(world, client, now)
    return NOTHING


@part
def service_seconds(world: Any) -> Any:
    """How long a request takes that is one of ``busy``."""
    seconds = draw(world.streams, SERVICE, world.service_kind, world.service_first, world.service_second)
    if world.slowdown_kind == 1:
        seconds *= np.exp(world.slowdown_strength * world.busy / world.workers)
    elif world.slowdown_kind == 2:
        seconds *= 1 + world.slowdown_strength * (world.busy / world.workers) ** world.slowdown_exponent
    return seconds / world.speed


@part
def begin_work(world: Any, now: float) -> None:
    """An idle worker takes the first or the last of the queue."""
    if world.lifo != 0:
        world.queue_tail -= 1
        place = world.queue_tail
    else:
        place = world.queue_head
        world.queue_head += 1
    entry = queued_at(world.queue, place & world.queue_mask)
    work = world.idle
    job = job_at(world.jobs, work)
    world.idle = job.following
    world.busy += 1
    job.until, job.client, job.number = entry.until, entry.client, entry.number
    seconds = service_seconds(world)
    put(calendar_at(world.works, 0), work, now + seconds)


@part
def backoff(world: Any, ceiling: float, wait: float) -> Any:
    """The wait in s before a retry whose ceiling is ``ceiling``, after a wait of ``wait`` s."""
    kind, base, cap = world.backoff_kind, world.backoff_base, world.backoff_cap
    if kind == 0:
        return 0.0
    if kind == 1:
        return base
    if kind == 2:
        return ceiling
    chance = uniform(world.streams, POLICIES)
    if kind == 3:
        return chance * ceiling
    if kind == 4:
        return (1 + chance) * ceiling / 2
    if kind == DECORRELATED:
        return min(cap, base + (3 * wait - base) * chance)
    return cap + 3 * ceiling * chance


@part
def fail(world: Any, client: int, now: float) -> Any:
    """An attempt failed; answers whether the client tries again at once, waits, or gives up."""
    one, memory = client_at(world.clients, client), memory_at(world.memories, client)
    breaker, budget = breaker_at(world.breaker, 0), budget_at(world.budget, 0)
    one.number += 1
    if breaker.kind > 0 or budget.kind > 0:
        memory.cause = world.ending
    if breaker.kind > 0:
        breaker_settles(breaker, now, memory.period, memory.started, 1)
    if budget.kind > 0:
        budget_settles(budget, one.attempt, world.ending)
    if one.attempt > world.retries:
        return END
    wait = next_wait(world, one.attempt, memory)
    if now + wait >= one.intended + world.deadline:
        return END
    one.attempt += 1
    if wait <= 0.0:
        return ATTEMPT
    put(calendar_at(world.waits, 0), client, now + wait)
    return NOTHING


@part
def next_wait(world: Any, attempt: int, memory: Any) -> Any:
    """The wait in s after that attempt; decorrelated jitter remembers the one before."""
    ceiling = real(world.ceilings, attempt - 1).value
    if world.backoff_kind != DECORRELATED:
        return backoff(world, ceiling, 0.0)
    memory.wait = backoff(world, ceiling, world.backoff_base if attempt == 1 else memory.wait)
    return memory.wait


@part
def finish(world: Any, client: int, now: float) -> Any:
    """A request ended; its user thinks, or its client is free."""
    one = client_at(world.clients, client)
    note(world, one.intended, now, world.ending, one.attempt)
    if one.limit >= 0:
        cross_out(ring_at(world.limits, 0), one.limit)
        one.limit = -1
    if one.deadline >= 0:
        cross_out(ring_at(world.deadlines, 0), one.deadline)
        one.deadline = -1
    one.number += 1
    one.attempt = 0
    if world.users > 0:
        think(world, client, now)
    else:
        one.following = world.free
        world.free = client
    return NOTHING
