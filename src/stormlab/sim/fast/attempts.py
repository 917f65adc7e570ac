"""What a client does: ask, attempt, fail, try again, and be done."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.cache import draw_key
from stormlab.sim.fast.calendar import calendar_at, put
from stormlab.sim.fast.chance import draw, uniform
from stormlab.sim.fast.gates import (
    PENDING,
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
    OFFERED,
    POLICIES,
    THINK,
    client_at,
    memory_at,
)
from stormlab.sim.fast.rings import begin_limit, cross_out, is_full, ring_at
from stormlab.sim.fast.service import submit
from stormlab.sim.fast.tally import bin_of, count, note

#: What a client does next.
NOTHING, ATTEMPT, FAIL, END = range(4)

#: The kind of backoff that depends on the wait before.
DECORRELATED = 5

#: How many ceilings of a backoff are told apart: after so many doublings every cap has been reached.
CEILINGS = 1001


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
    if world.key_count > 0:
        memory_at(world.memories, client).key = draw_key(world)
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
def attempt(world: Any, client: int, now: float) -> Any:
    """Send an attempt, if the gates allow it; answers what the client does at once."""
    one = client_at(world.clients, client)
    if not admits(world, client, now):
        world.ending = REFUSED if one.attempt == 1 else memory_at(world.memories, client).cause
        one.attempt -= 1
        return END
    count(world, ATTEMPTS, bin_of(world, now))
    until = one.intended + world.deadline
    limited = now + world.time_limit < until
    if limited:
        until = now + world.time_limit
    key = memory_at(world.memories, client).key if world.key_count > 0 else 0
    world.ending = submit(world, world.front, client, one.number, key, until, now)
    if world.ending != PENDING:
        return FAIL
    if limited:
        one.limit = begin_limit(ring_at(world.limits, 0), client, until)
        world.full |= is_full(ring_at(world.limits, 0))
    return NOTHING


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
    ceiling = real(world.ceilings, min(attempt, CEILINGS) - 1).value
    if world.backoff_kind != DECORRELATED:
        return backoff(world, ceiling, 0.0)
    memory.wait = backoff(world, ceiling, world.backoff_base if attempt == 1 else memory.wait)
    return memory.wait


@part
def forget_limit(world: Any, one: Any) -> None:
    """The attempt of a client ended before its time was up."""
    if one.limit >= 0:
        cross_out(ring_at(world.limits, 0), one.limit)
        one.limit = -1


@part
def finish(world: Any, client: int, now: float) -> Any:
    """A request ended; its user thinks, or its client is free."""
    one = client_at(world.clients, client)
    note(world, one.intended, now, world.ending, one.attempt)
    forget_limit(world, one)
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
