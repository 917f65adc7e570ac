"""How a worker of the front has what it asks another service for: from the cache, or by a call that it waits for.

Each part answers the client that has to do something now, or -1, and what it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.attempts import END, FAIL, NOTHING, forget_limit
from stormlab.sim.fast.cache import fetched, find
from stormlab.sim.fast.calendar import calendar_at, put, take
from stormlab.sim.fast.gates import (
    ERROR,
    OK,
    PENDING,
    breaker_at,
    breaker_settles,
    budget_at,
    budget_settles,
)
from stormlab.sim.fast.memory import part
from stormlab.sim.fast.records import client_at, job_at, key_at, memory_at
from stormlab.sim.fast.service import release, submit


@part
def answer(world: Any, work: int, ending: int, now: float) -> Any:
    """A worker of the front is done; its caller may have left."""
    front = world.front
    job = job_at(front.jobs, work)
    client, number = job.caller, job.number
    release(front, work, now)
    one = client_at(world.clients, client)
    if number != one.number:
        return client, NOTHING
    world.ending = ending
    if ending != OK:
        forget_limit(world, one)
        return client, FAIL
    if breaker_at(world.breaker, 0).kind > 0:
        memory = memory_at(world.memories, client)
        breaker_settles(breaker_at(world.breaker, 0), now, memory.period, memory.started, 0)
    if budget_at(world.budget, 0).kind > 0:
        budget_settles(budget_at(world.budget, 0), one.attempt, OK)
    return client, END


@part
def look_up(world: Any, work: int, now: float) -> Any:
    """What the worker needs is in the cache, or is asked for, by itself or by another worker already."""
    cache = world.cache
    if cache.capacity > 0:
        asked = job_at(world.front.jobs, work).key
        if find(cache, asked, now):
            return answer(world, work, OK, now)
        if cache.coalesce != 0:
            key = key_at(cache.keys, asked)
            if key.fetched != 0:
                await_answer(world, key, work)
                return -1, NOTHING
            key.fetched = 1
    return call(world, work, now)


@part
def await_answer(world: Any, key: Any, work: int) -> None:
    """The worker is the last of those who wait for the answer about ``key``."""
    if key.first < 0:
        key.first = work
    else:
        job_at(world.front.jobs, key.last).following = work
    key.last = work
    job_at(world.front.jobs, work).following = -1


@part
def call(world: Any, work: int, now: float) -> Any:
    """Ask the other service."""
    job = job_at(world.front.jobs, work)
    until = min(job.until, now + world.call_limit)
    limited = world.call_limit < np.inf
    if limited and until <= now:
        return settle(world, work, ERROR, now)
    ending = submit(world, world.back, work, job.calls, 0, until, now)
    if ending != PENDING:
        return settle(world, work, ending, now)
    if limited:
        job.lapse = until
        lapses = calendar_at(world.lapses, 0)
        put(lapses, work, until)
        world.full |= lapses.all == lapses.room
    return -1, NOTHING


@part
def settle(world: Any, work: int, ending: int, now: float) -> Any:
    """The call has ended; those who have waited for its answer are next."""
    job = job_at(world.front.jobs, work)
    job.calls += 1
    job.lapse = 0.0
    cache = world.cache
    outcome = OK if ending == OK else ERROR
    if cache.capacity > 0:
        fetched(world, job.key, ending == OK, now)
        key = key_at(cache.keys, job.key)
        if key.first >= 0:
            world.hearers, world.answered, world.hear_due = key.first, outcome, now
        key.fetched, key.first = 0, -1
    return answer(world, work, outcome, now)


@part
def on_hearing(world: Any, now: float) -> Any:
    """The first of those who have waited for what another worker asked is answered."""
    work = world.hearers
    world.hearers = job_at(world.front.jobs, work).following
    if world.hearers < 0:
        world.hear_due = np.inf
    return answer(world, work, world.answered, now)


@part
def on_answer(world: Any, now: float) -> Any:
    """A worker of the other service is done; whoever has asked it may have given up."""
    back = world.back
    work = take(calendar_at(back.works, 0))
    caller, number = job_at(back.jobs, work).caller, job_at(back.jobs, work).number
    release(back, work, now)
    if number != job_at(world.front.jobs, caller).calls:
        return -1, NOTHING
    return settle(world, caller, OK, now)


@part
def on_lapse(world: Any, now: float) -> Any:
    """A call has taken too long, unless it has ended long ago."""
    work = take(calendar_at(world.lapses, 0))
    if job_at(world.front.jobs, work).lapse != now:
        return -1, NOTHING
    return settle(world, work, ERROR, now)
