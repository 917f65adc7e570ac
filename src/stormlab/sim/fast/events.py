"""What happens to the world: waits and limits run out, workers are done, requests and users arrive, regimes change.

Each answers the client that has to do something now, or -1, and what it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.attempts import ATTEMPT, END, FAIL, NOTHING, think
from stormlab.sim.fast.cache import flush
from stormlab.sim.fast.calendar import calendar_at, take, upcoming
from stormlab.sim.fast.dependency import answer, look_up
from stormlab.sim.fast.gates import (
    OK,
    REFUSED,
    TIMEOUT,
    breaker_at,
    breaker_ignores,
    budget_at,
    budget_settles,
)
from stormlab.sim.fast.memory import part, prefetch, real
from stormlab.sim.fast.records import client_at, job_at, memory_at, regime_at, stretch_at
from stormlab.sim.fast.rings import end_limit, ring_at
from stormlab.sim.fast.service import change_conditions


@part
def people(world: Any, now: float) -> Any:
    """How many users there are at a moment, halves rounded to even; moments come in order."""
    while stretch_at(world.stretches, world.stretch + 1).at <= now:
        world.stretch += 1
    row = stretch_at(world.stretches, world.stretch)
    if row.start == row.end:
        return np.int64(np.rint(row.start))
    share = (now - row.at) / (stretch_at(world.stretches, world.stretch + 1).at - row.at)
    return np.int64(np.rint(row.start + (row.end - row.start) * share))


@part
def on_wake(world: Any, now: float) -> Any:
    """A backoff or a think time is over."""
    waits = calendar_at(world.waits, 0)
    client = take(waits)
    later = upcoming(waits)
    if later >= 0:
        prefetch(client_at(world.clients, later))
    one = client_at(world.clients, client)
    if one.attempt > 0:
        return client, ATTEMPT
    if now >= world.duration or (client >= world.fewest and client >= people(world, now)):
        one.present = 0
        world.left = 1
        return client, NOTHING
    return client, ATTEMPT


@part
def on_completion(world: Any, now: float) -> Any:
    """A worker of the service that clients ask has finished its own part."""
    front = world.front
    works = calendar_at(front.works, 0)
    work = take(works)
    later = upcoming(works)
    if later >= 0:
        prefetch(client_at(world.clients, job_at(front.jobs, later).caller))
    if world.asks != 0:
        return look_up(world, work, now)
    return answer(world, work, OK, now)


@part
def on_limit(world: Any) -> Any:
    """An attempt has taken too long, unless it has been crossed out."""
    client = end_limit(ring_at(world.limits, 0), client_at, world.clients)
    if client < 0:
        return client, NOTHING
    client_at(world.clients, client).limit = -1
    world.ending = TIMEOUT
    return client, FAIL


@part
def on_deadline(world: Any) -> Any:
    """A request has taken too long."""
    client = end_limit(ring_at(world.deadlines, 0), client_at, world.clients)
    if client < 0:
        return client, NOTHING
    one = client_at(world.clients, client)
    one.deadline = -1
    if breaker_at(world.breaker, 0).kind > 0:
        breaker_ignores(breaker_at(world.breaker, 0), memory_at(world.memories, client).period)
    if budget_at(world.budget, 0).kind > 0:
        budget_settles(budget_at(world.budget, 0), one.attempt, REFUSED)
    world.ending = TIMEOUT
    return client, END


@part
def on_arrival(world: Any) -> Any:
    """A request of an open fleet, by a client that is free."""
    world.next_arrival += 1
    later = world.next_arrival < world.arrival_count
    world.arrival_due = real(world.arrivals, world.next_arrival).value if later else np.inf
    client = world.free
    world.free = client_at(world.clients, client).following
    if world.free < 0:
        world.full = 1
    return client


@part
def recruit(world: Any, now: float) -> None:
    """Once a second: let users in whom the load shape asks for."""
    wanted = people(world, now)
    if world.left != 0 or wanted > world.recruited:
        for user in range(0 if world.left != 0 else world.recruited, wanted):
            one = client_at(world.clients, user)
            if one.present == 0:
                one.present = 1
                one.attempt = 0
                think(world, user, now)
        world.recruited, world.left = max(world.recruited, wanted), 0
    world.recruit_due = now + 1.0 if now + 1.0 < world.duration else np.inf


@part
def change(world: Any, now: float) -> None:
    """The next regime begins."""
    world.row += 1
    row = regime_at(world.regimes, world.row)
    world.regime_due = regime_at(world.regimes, world.row + 1).at
    world.blocked = row.blocked
    change_conditions(world.front, world.row, now)
    if world.asks != 0:
        change_conditions(world.back, world.row, now)
    if row.flush > 0.0:
        flush(world, row.flush)
    world.cache.invalid = row.invalid
