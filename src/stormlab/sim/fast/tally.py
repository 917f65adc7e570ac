"""What the kernel counts of requests that ended; latencies and calls are thinned out when there are many."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.gates import OK
from stormlab.sim.fast.memory import part, real, small, whole
from stormlab.sim.fast.records import FAILED, GOODPUT, SUCCEEDED, call_at, lookups_at, sample_at


@part
def bin_of(world: Any, now: float) -> Any:
    """The number of the bin of a moment; the last one holds what comes later."""
    return min(np.int64(now), world.bins - 1)


@part
def count(world: Any, kind: int, bin_: Any) -> None:
    """One more in the row ``kind`` of the counts per bin."""
    whole(world.counts, kind * world.bins + bin_).value += 1


@part
def note(world: Any, intended: float, now: float, ending: int, attempts: int) -> None:
    """A request ended."""
    end = bin_of(world, now)
    if ending == OK:
        count(world, GOODPUT, end)
        count(world, SUCCEEDED, np.int64(intended))
        world.until_kept -= 1
        if world.until_kept <= 0:
            keep_latency(world, now - intended, end)
    else:
        count(world, FAILED + ending, end)
    world.until_called -= 1
    if world.until_called <= 0:
        keep_call(world, intended, now, ending, attempts)


@part
def keep_latency(world: Any, latency: float, end: int) -> None:
    """Keep one in ``keep_every``; when there is no more room, every second of those that are there."""
    if world.kept == world.latency_room:
        for index in range(world.kept // 2):
            real(world.latencies, index).value = real(world.latencies, 2 * index).value
            small(world.latency_bins, index).value = small(world.latency_bins, 2 * index).value
        world.kept //= 2
        world.keep_every *= 2
    real(world.latencies, world.kept).value = latency
    small(world.latency_bins, world.kept).value = end
    world.kept += 1
    world.until_kept = world.keep_every


@part
def keep_call(world: Any, intended: float, now: float, ending: int, attempts: int) -> None:
    """The same for the sampled calls."""
    if world.called == world.call_room:
        for index in range(world.called // 2):
            to, of = call_at(world.calls, index), call_at(world.calls, 2 * index)
            to.intended, to.ended, to.ending, to.attempts = of.intended, of.ended, of.ending, of.attempts
        world.called //= 2
        world.call_every *= 2
    call = call_at(world.calls, world.called)
    call.intended, call.ended, call.ending, call.attempts = intended, now, ending, attempts
    world.called += 1
    world.until_called = world.call_every


@part
def sample(world: Any) -> None:
    """The end of a bin: the state of the services and of the cache."""
    sample_service(world.front, world.next_sample)
    if world.asks != 0:
        sample_service(world.back, world.next_sample)
    if world.cache.capacity > 0:
        lookups = lookups_at(world.cache.samples, world.next_sample)
        lookups.hits, lookups.lookups = world.cache.hits, world.cache.lookups
    world.next_sample += 1
    world.sample_due = world.next_sample + 1.0 if world.next_sample < world.sample_room else np.inf


@part
def sample_service(service: Any, number: int) -> None:
    """The state of one service."""
    row = sample_at(service.samples, number)
    row.queue, row.busy = service.tail - service.head, service.busy
    row.completions, row.rejected = service.completions, service.rejected
    row.wasted, row.arrived = service.wasted, service.arrived
