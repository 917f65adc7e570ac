"""What the kernel is made of: random numbers, a binary heap, a calendar queue, all on plain arrays.

The calendar (Brown, "Calendar Queues", CACM 31, 1988) holds the waits of clients: one linked list per slice of time,
and a heap for the slice that is being played. Each client waits for one thing at a time, so that its own number is the
node of the list and nothing is allocated. Random numbers are SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

compiled = njit(cache=True, fastmath=False, error_model="numpy")

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / 9007199254740992.0


@compiled
def uniform(streams: Any, which: int) -> Any:
    """U[0, 1) from one of the streams."""
    state = streams[which] + _GOLDEN
    streams[which] = state
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.float64((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * _UNIT


@compiled
def draw(streams: Any, which: int, kind: int, first: float, second: float) -> Any:
    """A time in s: fixed (0), exponential (1), log-normal with mu and sigma (2), uniform between two ends (3)."""
    if kind == 0:
        return first
    if kind == 1:
        return -first * np.log(1.0 - uniform(streams, which))
    if kind == 2:
        radius = np.sqrt(-2.0 * np.log(1.0 - uniform(streams, which)))
        return np.exp(first + second * radius * np.cos(2.0 * np.pi * uniform(streams, which)))
    return first + (second - first) * uniform(streams, which)


@compiled
def push(times: Any, items: Any, size: int, time: float, item: int) -> None:
    """Add to a heap of ``size`` entries."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if times[parent] <= time:
            break
        times[place] = times[parent]
        items[place] = items[parent]
        place = parent
    times[place] = time
    items[place] = item


@compiled
def pop(times: Any, items: Any, size: int) -> None:
    """Remove the first of ``size`` entries."""
    last = size - 1
    time, item = times[last], items[last]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        if child + 1 < last and times[child + 1] < times[child]:
            child += 1
        if time <= times[child]:
            break
        times[place] = times[child]
        items[place] = items[child]
        place = child
    times[place] = time
    items[place] = item


class Calendar(NamedTuple):
    """``state`` holds the current slice, the entries in the heap and all entries."""

    slices_per_second: float
    heads: Any
    state: Any


@compiled
def put(calendar: Any, heap_times: Any, heap_items: Any, due: Any, following: Any, item: int, time: float) -> None:
    """Wake ``item`` at ``time``."""
    state = calendar.state
    due[item] = time
    slice_ = np.int64(time * calendar.slices_per_second)
    if slice_ <= state[0]:
        push(heap_times, heap_items, state[1], time, item)
        state[1] += 1
    else:
        place = slice_ & (calendar.heads.size - 1)
        following[item] = calendar.heads[place]
        calendar.heads[place] = item
    state[2] += 1


@compiled
def advance(calendar: Any, heap_times: Any, heap_items: Any, due: Any, following: Any) -> None:
    """Turn to the next slice in which something is due."""
    state, heads = calendar.state, calendar.heads
    while state[1] == 0:
        state[0] += 1
        place = state[0] & (heads.size - 1)
        item = heads[place]
        heads[place] = -1
        while item >= 0:
            behind = following[item]
            if np.int64(due[item] * calendar.slices_per_second) <= state[0]:
                push(heap_times, heap_items, state[1], due[item], item)
                state[1] += 1
            else:
                following[item] = heads[place]
                heads[place] = item
            item = behind


@compiled
def doubled(array: Any) -> Any:
    """The array with as much room again, which holds nothing yet."""
    larger = np.empty(2 * array.size, array.dtype)
    larger[: array.size] = array
    return larger


@compiled
def unrolled(ring: Any, head: int) -> Any:
    """A full ring that starts at ``head``, with as much room again and starting at 0."""
    larger = np.empty(2 * ring.size, ring.dtype)
    larger[: ring.size - head] = ring[head:]
    larger[ring.size - head : ring.size] = ring[:head]
    return larger
