"""The compiled event loop: one fleet of clients, with policies, against a service with workers and a bounded queue, and
what that asks another one for, past a cache.

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

from stormlab.sim.fast.attempts import ATTEMPT, FAIL, NOTHING, ask, attempt, fail, finish
from stormlab.sim.fast.calendar import calendar_at, next_due
from stormlab.sim.fast.dependency import on_answer, on_hearing, on_lapse
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
from stormlab.sim.fast.service import fill
from stormlab.sim.fast.tally import sample

#: What happens next, in the order of precedence at one moment: a limit before the answer that takes as long.
_HEAR, _REGIME, _SAMPLE, _DEADLINE, _LIMIT, _COMPLETION, _WAKE, _LAPSE, _ANSWER, _ARRIVAL, _RECRUIT = range(11)


@part
def soonest(world: Any) -> Any:
    """When something happens next, and what; most of the time it is one of three, which are compared first."""
    now, kind = np.inf, _COMPLETION
    if world.front.frozen == 0:
        now = next_due(calendar_at(world.front.works, 0))
    limit, wake = ring_at(world.limits, 0).due, next_due(calendar_at(world.waits, 0))
    if limit <= now:
        now, kind = limit, _LIMIT
    if wake < now:
        now, kind = wake, _WAKE
    deadline = ring_at(world.deadlines, 0).due
    rest = min(world.regime_due, world.sample_due, deadline, world.arrival_due, world.recruit_due)
    if world.asks != 0:
        rest = min(rest, world.hear_due, answer_due(world), next_due(calendar_at(world.lapses, 0)))
    if rest <= now:
        now, kind = soonest_of_all(world, now, kind)
    return now, kind


@part
def answer_due(world: Any) -> Any:
    """When a worker of the service that is asked by the other one is done next."""
    return next_due(calendar_at(world.back.works, 0)) if world.back.frozen == 0 else np.inf


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
    if world.asks != 0:
        if next_due(calendar_at(world.lapses, 0)) < now:
            now, kind = next_due(calendar_at(world.lapses, 0)), _LAPSE
        if answer_due(world) < now:
            now, kind = answer_due(world), _ANSWER
    if world.arrival_due < now:
        now, kind = world.arrival_due, _ARRIVAL
    if world.recruit_due < now:
        now, kind = world.recruit_due, _RECRUIT
    if world.hear_due <= now:
        now, kind = world.hear_due, _HEAR
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
    elif kind == _ANSWER:
        client, action = on_answer(world, now)
    elif kind == _LAPSE:
        client, action = on_lapse(world, now)
    elif kind == _HEAR:
        client, action = on_hearing(world, now)
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
            fill(world, world.front, now)
            fill(world, world.back, now)

    return play


#: Plays until the end, until ``pause`` or until something is full; answers the time of what happens next.
play = _compiled(_fingerprint())
