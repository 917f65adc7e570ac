"""The compiled event loop: one fleet of clients, with policies, against one service with workers and a bounded queue.

What happens next is found without one big event queue, because most waits have structure. Limits of a constant length
run out in the order in which they began, so they are rings; so is the queue of the service. Completions are a small
heap, one entry per busy worker. Only backoffs and think times are in a calendar.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stormlab.sim.fast.gates import (
    OK,
    OVERLOADED,
    REFUSED,
    TIMEOUT,
    Breaker,
    Budget,
    breaker_admits,
    breaker_ignores,
    breaker_settles,
    budget_admits,
    budget_settles,
)
from stormlab.sim.fast.structures import (
    Calendar,
    advance,
    compiled,
    doubled,
    draw,
    pop,
    push,
    put,
    uniform,
    unrolled,
)

#: The streams of random numbers.
SERVICE, POLICIES, THINK, FAULTS, EDGE = range(5)

_NEVER = np.inf
_NOTHING, _ATTEMPT, _FAILED, _ENDED = range(4)
(_REGIME, _SAMPLE, _DEADLINE, _COMPLETION, _LIMIT, _WAKE, _ARRIVAL, _RECRUIT) = range(8)


class Plant(NamedTuple):
    """The service and the fleet in numbers; times in s, kinds as :func:`~stormlab.sim.fast.structures.draw` has them.

    ``limit`` and ``deadline`` are infinite when there is none. ``ceilings`` are those of the backoff, one per retry.
    """

    service_kind: int
    service_first: float
    service_second: float
    slowdown_kind: int
    slowdown_strength: float
    slowdown_exponent: float
    lifo: bool
    limit: float
    deadline: float
    retries: int
    backoff_kind: int
    backoff_base: float
    backoff_cap: float
    ceilings: Any
    breaker_first: bool
    users: int
    think_kind: int
    think_first: float
    think_second: float
    duration: float
    drain: float
    keep_every: int


class Regimes(NamedTuple):
    """What holds from ``at`` (s) on: rows in time order, the last one at infinity."""

    at: Any
    workers: Any
    speed: Any
    queue: Any
    frozen: Any
    error: Any
    error_ending: Any
    blocked: Any


class Population(NamedTuple):
    """Users between the times ``at`` (s): linear from ``start`` to ``end`` in each stretch."""

    at: Any
    start: Any
    end: Any


class Counts(NamedTuple):
    """What is counted per bin, the sampled calls, and latencies, of which every k-th is kept when there are many.

    ``requests``: offered, attempts, goodput, succeeded and the failures; ``service``: queue, busy, completions,
    rejected, wasted, arrived, at the end of each bin. ``latency_at`` is the bin. ``kept``: latencies, their k, calls,
    their k.
    """

    requests: Any
    service: Any
    latencies: Any
    latency_at: Any
    calls: Any
    kept: Any


@compiled
def backoff(streams: Any, kind: int, base: float, cap: float, ceiling: float, wait: float) -> Any:
    """The wait in s before a retry whose ceiling is ``ceiling``, after a wait of ``wait`` s."""
    if kind == 0:
        return 0.0
    if kind == 1:
        return base
    if kind == 2:
        return ceiling
    chance = uniform(streams, POLICIES)
    if kind == 3:
        return chance * ceiling
    if kind == 4:
        return (1 + chance) * ceiling / 2
    if kind == 5:
        return min(cap, base + (3 * wait - base) * chance)
    return cap + 3 * ceiling * chance


@compiled
def service_seconds(streams: Any, plant: Any, busy: int, workers: int, speed: float) -> Any:
    """How long a request takes that is one of ``busy``."""
    seconds = draw(streams, SERVICE, plant.service_kind, plant.service_first, plant.service_second)
    if plant.slowdown_kind == 1:
        seconds *= np.exp(plant.slowdown_strength * busy / workers)
    elif plant.slowdown_kind == 2:
        seconds *= 1 + plant.slowdown_strength * (busy / workers) ** plant.slowdown_exponent
    return seconds / speed


@compiled
def people(population: Any, now: float) -> Any:
    """How many users there are at a moment, halves rounded to even."""
    at = population.at
    row = np.searchsorted(at, now, side="right") - 1
    start, end = population.start[row], population.end[row]
    if start == end:
        return np.int64(np.rint(start))
    share = (now - at[row]) / (at[row + 1] - at[row])
    return np.int64(np.rint(start + (end - start) * share))


@compiled
def note(counts: Any, bins: int, intended: float, now: float, ending: int, attempts: int) -> None:
    """A request ended."""
    requests, kept = counts.requests, counts.kept
    end = min(np.int64(now), bins - 1)
    if ending == OK:
        requests[2, end] += 1
        requests[3, np.int64(intended)] += 1
        if kept[4] % kept[1] == 0:
            if kept[0] == counts.latencies.size:
                half = kept[0] // 2
                for index in range(half):
                    counts.latencies[index] = counts.latencies[2 * index]
                    counts.latency_at[index] = counts.latency_at[2 * index]
                kept[0] = half
                kept[1] *= 2
            if kept[4] % kept[1] == 0:
                counts.latencies[kept[0]] = now - intended
                counts.latency_at[kept[0]] = end
                kept[0] += 1
        kept[4] += 1
    else:
        requests[4 + ending, end] += 1
    if kept[5] % kept[3] == 0:
        if kept[2] == counts.calls.shape[0]:
            half = kept[2] // 2
            for index in range(half):
                counts.calls[index] = counts.calls[2 * index]
            kept[2] = half
            kept[3] *= 2
        if kept[5] % kept[3] == 0:
            call = counts.calls[kept[2]]
            call[0], call[1], call[2], call[3] = intended, now, ending, attempts
            kept[2] += 1
    kept[5] += 1


@compiled
def play(
    plant: Plant,
    regimes: Regimes,
    population: Population,
    arrivals: Any,
    streams: Any,
    breaker: Breaker,
    budget: Budget,
    calendar: Calendar,
    counts: Counts,
) -> None:
    """Play the fleet to the end of its drain; everything that is counted is in ``counts``."""
    requests, service = counts.requests, counts.service
    bins = requests.shape[1]
    sampled = service.shape[0]
    end = plant.duration + plant.drain
    closed = plant.users > 0
    attempts_limit = plant.limit
    has_deadline = plant.deadline < _NEVER

    # Clients: what each waits for, its request, and the number of its attempt, which outdates every earlier one.
    size = plant.users if closed else 1024
    due, intended, wait = np.empty(size), np.empty(size), np.empty(size)
    following, number = np.empty(size, np.int32), np.zeros(size, np.int32)
    serial, attempt, cause = np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    period, started = np.zeros(size, np.int64), np.zeros(size)
    present = np.zeros(plant.users, np.bool_)
    free, frees = np.empty(size, np.int32), 0
    if not closed:
        for index in range(size):
            free[index] = size - 1 - index
        frees = size
    wake_times, wake_items = np.empty(size), np.empty(size, np.int32)

    limit_times, limit_clients, limit_numbers = np.empty(1024), np.empty(1024, np.int32), np.empty(1024, np.int32)
    limit_head, limits = 0, 0
    dead_times, dead_clients, dead_serials = np.empty(1024), np.empty(1024, np.int32), np.empty(1024, np.int32)
    dead_head, deads = 0, 0
    queue_clients, queue_numbers, queue_until = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024)
    queue_head, waiting = 0, 0

    most = regimes.workers.max()
    done_times, done_items = np.empty(most + 1), np.empty(most + 1, np.int32)
    work_clients, work_numbers, work_until = (
        np.empty(most + 1, np.int32),
        np.empty(most + 1, np.int32),
        np.empty(most + 1),
    )
    idle = np.arange(most + 1).astype(np.int32)
    idles, busy = most + 1, 0

    row = -1
    workers, speed, queue_limit = 1, 1.0, 0
    frozen, frozen_since, error, error_ending, blocked = False, 0.0, 0.0, 0, 0.0
    next_arrival, next_sample, next_recruit = 0, 0, 0.0 if closed else _NEVER
    recruited, left = 0, False
    completions, rejected, wasted, arrived = 0, 0, 0, 0

    while True:
        now, kind = regimes.at[row + 1], _REGIME
        if next_sample < sampled and next_sample + 1.0 < now:
            now, kind = next_sample + 1.0, _SAMPLE
        if deads > 0 and dead_times[dead_head] < now:
            now, kind = dead_times[dead_head], _DEADLINE
        if busy > 0 and not frozen and done_times[0] < now:
            now, kind = done_times[0], _COMPLETION
        if limits > 0 and limit_times[limit_head] < now:
            now, kind = limit_times[limit_head], _LIMIT
        if calendar.state[2] > 0:
            if calendar.state[1] == 0:
                advance(calendar, wake_times, wake_items, due, following)
            if wake_times[0] < now:
                now, kind = wake_times[0], _WAKE
        if next_arrival < arrivals.size and arrivals[next_arrival] < now:
            now, kind = arrivals[next_arrival], _ARRIVAL
        if next_recruit < now:
            now, kind = next_recruit, _RECRUIT
        if now >= end:
            break

        action, client, ending, fill, ask = _NOTHING, -1, OK, False, False
        if kind == _LIMIT:
            client = limit_clients[limit_head]
            valid = limit_numbers[limit_head] == number[client]
            limit_head = (limit_head + 1) & (limit_times.size - 1)
            limits -= 1
            if valid:
                action, ending = _FAILED, TIMEOUT
        elif kind == _COMPLETION:
            work = done_items[0]
            pop(done_times, done_items, busy)
            busy -= 1
            idle[idles] = work
            idles += 1
            completions += 1
            if now > work_until[work]:
                wasted += 1
            client = work_clients[work]
            fill = True
            if work_numbers[work] == number[client]:
                number[client] += 1
                action, ending = _ENDED, OK
                if breaker.kind > 0:
                    breaker_settles(breaker, now, period[client], started[client], 0)
                if budget.kind > 0:
                    budget_settles(budget, attempt[client], OK)
        elif kind == _WAKE:
            client = wake_items[0]
            pop(wake_times, wake_items, calendar.state[1])
            calendar.state[1] -= 1
            calendar.state[2] -= 1
            if attempt[client] > 0:
                action = _ATTEMPT
            elif now >= plant.duration or client >= people(population, now):
                present[client] = False
                left = True
            else:
                ask = True
        elif kind == _ARRIVAL:
            next_arrival += 1
            if frees == 0:
                size = due.size
                due, intended, wait, started = doubled(due), doubled(intended), doubled(wait), doubled(started)
                following, serial, attempt = doubled(following), doubled(serial), doubled(attempt)
                cause, period, number = doubled(cause), doubled(period), doubled(number)
                free, wake_times, wake_items = doubled(free), doubled(wake_times), doubled(wake_items)
                for index in range(size):
                    free[index] = 2 * size - 1 - index
                    number[size + index] = 0
                    serial[size + index] = 0
                frees = size
            frees -= 1
            client = free[frees]
            ask = True
        elif kind == _DEADLINE:
            client = dead_clients[dead_head]
            valid = dead_serials[dead_head] == serial[client]
            dead_head = (dead_head + 1) & (dead_times.size - 1)
            deads -= 1
            if valid:
                number[client] += 1
                action, ending = _ENDED, TIMEOUT
                if breaker.kind > 0:
                    breaker_ignores(breaker, period[client])
                if budget.kind > 0:
                    budget_settles(budget, attempt[client], REFUSED)
        elif kind == _SAMPLE:
            sample = service[next_sample]
            sample[0], sample[1], sample[2], sample[3], sample[4] = waiting, busy, completions, rejected, wasted
            sample[5] = arrived
            next_sample += 1
        elif kind == _RECRUIT:
            wanted = people(population, now)
            if left or wanted > recruited:
                for user in range(0 if left else recruited, wanted):
                    if not present[user]:
                        present[user] = True
                        attempt[user] = 0
                        think = draw(streams, THINK, plant.think_kind, plant.think_first, plant.think_second)
                        put(calendar, wake_times, wake_items, due, following, user, now + think)
                recruited, left = max(recruited, wanted), False
            next_recruit = now + 1.0 if now + 1.0 < plant.duration else _NEVER
        else:
            row += 1
            workers, speed, queue_limit = regimes.workers[row], regimes.speed[row], regimes.queue[row]
            error, error_ending, blocked = regimes.error[row], regimes.error_ending[row], regimes.blocked[row]
            if regimes.frozen[row] and not frozen:
                frozen_since = now
            elif frozen and not regimes.frozen[row]:
                for index in range(busy):
                    done_times[index] += now - frozen_since
            frozen = regimes.frozen[row]
            fill = True

        if ask:
            requests[0, np.int64(now)] += 1
            intended[client] = now
            serial[client] += 1
            attempt[client] = 1
            action = _ATTEMPT
            if blocked > 0.0 and uniform(streams, EDGE) < blocked:
                attempt[client] = 0
                action, ending = _ENDED, REFUSED
            elif has_deadline:
                if deads == dead_times.size:
                    dead_times, dead_clients = unrolled(dead_times, dead_head), unrolled(dead_clients, dead_head)
                    dead_serials, dead_head = unrolled(dead_serials, dead_head), 0
                place = (dead_head + deads) & (dead_times.size - 1)
                dead_times[place] = now + plant.deadline
                dead_clients[place], dead_serials[place] = client, serial[client]
                deads += 1

        while action != _NOTHING:
            if action == _ATTEMPT:
                tries = attempt[client]
                admitted = True
                if budget.kind > 0 and not plant.breaker_first:
                    admitted = budget_admits(budget, tries)
                if admitted and breaker.kind > 0:
                    admitted = breaker_admits(breaker, now)
                    period[client], started[client] = breaker.state[1], now
                    if not admitted and budget.kind > 0 and not plant.breaker_first:
                        budget_settles(budget, tries, REFUSED)
                if admitted and budget.kind > 0 and plant.breaker_first:
                    admitted = budget_admits(budget, tries)
                    if not admitted and breaker.kind > 0:
                        breaker_ignores(breaker, period[client])
                if not admitted:
                    action, ending = _ENDED, REFUSED if tries == 1 else cause[client]
                    attempt[client] = tries - 1
                    continue
                requests[1, min(np.int64(now), bins - 1)] += 1
                arrived += 1
                if error > 0.0 and (error >= 1.0 or uniform(streams, FAULTS) < error):
                    action, ending = _FAILED, error_ending
                elif (busy >= workers or frozen) and waiting >= queue_limit:
                    rejected += 1
                    action, ending = _FAILED, OVERLOADED
                else:
                    until = intended[client] + plant.deadline
                    if now + attempts_limit < until:
                        until = now + attempts_limit
                        if limits == limit_times.size:
                            limit_times = unrolled(limit_times, limit_head)
                            limit_clients = unrolled(limit_clients, limit_head)
                            limit_numbers, limit_head = unrolled(limit_numbers, limit_head), 0
                        place = (limit_head + limits) & (limit_times.size - 1)
                        limit_times[place] = until
                        limit_clients[place], limit_numbers[place] = client, number[client]
                        limits += 1
                    if waiting == queue_until.size:
                        queue_clients, queue_numbers = (
                            unrolled(queue_clients, queue_head),
                            unrolled(queue_numbers, queue_head),
                        )
                        queue_until, queue_head = unrolled(queue_until, queue_head), 0
                    place = (queue_head + waiting) & (queue_until.size - 1)
                    queue_clients[place], queue_numbers[place] = client, number[client]
                    queue_until[place] = until
                    waiting += 1
                    fill = True
                    action = _NOTHING
            elif action == _FAILED:
                number[client] += 1
                cause[client] = ending
                if breaker.kind > 0:
                    breaker_settles(breaker, now, period[client], started[client], 1)
                if budget.kind > 0:
                    budget_settles(budget, attempt[client], ending)
                action = _ENDED
                tries = attempt[client]
                if tries <= plant.retries:
                    if tries == 1:
                        wait[client] = plant.backoff_base
                    delay = backoff(
                        streams,
                        plant.backoff_kind,
                        plant.backoff_base,
                        plant.backoff_cap,
                        plant.ceilings[tries - 1],
                        wait[client],
                    )
                    wait[client] = delay
                    if not has_deadline or now + delay < intended[client] + plant.deadline:
                        attempt[client] = tries + 1
                        action = _ATTEMPT
                        if delay > 0.0:
                            put(calendar, wake_times, wake_items, due, following, client, now + delay)
                            action = _NOTHING
            else:
                note(counts, bins, intended[client], now, ending, attempt[client])
                serial[client] += 1
                attempt[client] = 0
                if closed:
                    think = draw(streams, THINK, plant.think_kind, plant.think_first, plant.think_second)
                    put(calendar, wake_times, wake_items, due, following, client, now + think)
                else:
                    free[frees] = client
                    frees += 1
                action = _NOTHING

        if fill and not frozen:
            while waiting > 0 and busy < workers:
                if plant.lifo:
                    place = (queue_head + waiting - 1) & (queue_until.size - 1)
                else:
                    place = queue_head
                    queue_head = (queue_head + 1) & (queue_until.size - 1)
                waiting -= 1
                idles -= 1
                work = idle[idles]
                work_clients[work], work_numbers[work] = queue_clients[place], queue_numbers[place]
                work_until[work] = queue_until[place]
                busy += 1
                seconds = service_seconds(streams, plant, busy, workers, speed)
                push(done_times, done_items, busy - 1, now + seconds, work)
