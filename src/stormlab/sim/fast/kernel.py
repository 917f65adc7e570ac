"""The compiled event loop: one fleet of clients, with policies, against one service with workers and a bounded queue.

What happens next is found without one big event queue, because most waits have structure. Limits of a constant length
run out in the order in which they began, so they are rings; so is the queue of the service. Completions, backoffs and
think times are in calendars. Every part is a function that is compiled into the loop; what they share is a record,
:data:`~stormlab.sim.fast.records.WORLD`.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from stormlab.sim.fast.attempts import ATTEMPT, FAIL, NOTHING, ask, attempt, begin_work, fail, finish
from stormlab.sim.fast.calendar import calendar_at, next_due
from stormlab.sim.fast.events import (
    change,
    on_arrival,
    on_completion,
    on_deadline,
    on_limit,
    on_wake,
    recruit,
)
from stormlab.sim.fast.memory import part
from stormlab.sim.fast.records import client_at
from stormlab.sim.fast.rings import ring_at
from stormlab.sim.fast.tally import sample

#: What happens next, in the order of precedence at one moment.
_REGIME, _SAMPLE, _DEADLINE, _COMPLETION, _LIMIT, _WAKE, _ARRIVAL, _RECRUIT = range(8)


@part
def soonest(world: Any) -> Any:
    """When something happens next, and what; most of the time it is one of three, which are compared first."""
    now, kind = np.inf, _COMPLETION
    if world.frozen == 0:
        now = next_due(calendar_at(world.works, 0))
    limit, wake = ring_at(world.limits, 0).due, next_due(calendar_at(world.waits, 0))
    if limit < now:
        now, kind = limit, _LIMIT
    if wake < now:
        now, kind = wake, _WAKE
    deadline = ring_at(world.deadlines, 0).due
    rest = min(world.regime_due, world.sample_due, deadline, world.arrival_due, world.recruit_due)
    if rest <= now:
        now, kind = soonest_of_all(world, now, kind)
    return now, kind


@part
def soonest_of_all(world: Any, now: float, kind: int) -> Any:
    """The same, where ``kind`` at ``now`` is the soonest of the three."""
    early, what = world.regime_due, _REGIME
    if world.sample_due < early:
        early, what = world.sample_due, _SAMPLE
    if ring_at(world.deadlines, 0).due < early:
        early, what = ring_at(world.deadlines, 0).due, _DEADLINE
    if early <= now:
        now, kind = early, what
    if world.arrival_due < now:
        now, kind = world.arrival_due, _ARRIVAL
    if world.recruit_due < now:
        now, kind = world.recruit_due, _RECRUIT
    return now, kind


@part
def happen(world: Any, kind: int, now: float) -> Any:
    """Let it happen; answers the client that has to do something now, and what."""
    client, action = -1, NOTHING
    if kind == _WAKE:
        client, action = on_wake(world, now)
    elif kind == _COMPLETION:
        client, action = on_completion(world, now)
    elif kind == _LIMIT:
        client, action = on_limit(world)
    elif kind == _ARRIVAL:
        client, action = on_arrival(world), ATTEMPT
    elif kind == _DEADLINE:
        client, action = on_deadline(world)
    elif kind == _SAMPLE:
        sample(world)
    elif kind == _RECRUIT:
        recruit(world, now)
    else:
        change(world, now)
    if action == ATTEMPT and client_at(world.clients, client).attempt == 0:
        action = ask(world, client, now)
    return client, action


def _fingerprint() -> int:
    """Of the source of all parts: numba itself looks at this module alone when it takes a loop from its cache."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


def _compiled(fingerprint: int) -> Any:
    @njit(cache=True, error_model="numpy")
    def play(worlds: Any) -> Any:
        world = worlds[0]
        world.loop = fingerprint
        while True:
            now, kind = soonest(world)
            if now >= world.pause or now >= world.end or world.full != 0:
                return now
            client, action = happen(world, kind, now)
            while action != NOTHING:
                if action == ATTEMPT:
                    action = attempt(world, client, now)
                elif action == FAIL:
                    action = fail(world, client, now)
                else:
                    action = finish(world, client, now)
            while world.queue_tail > world.queue_head and world.busy < world.workers and world.frozen == 0:
                begin_work(world, now)

    return play


#: Plays until the end, until ``pause`` or until something is full; answers the time of what happens next.
play = _compiled(_fingerprint())
