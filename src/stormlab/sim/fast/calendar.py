"""A heap, and a calendar for many entries: what comes due next?

The calendar is a ladder of two rungs (Tang, Goh and Thng, "Ladder Queue", ACM TOMACS 15, 2005): what is due later lies
unsorted in the bucket of its slice of time, and is sorted when that slice is turned to; what is added to the slice
being played goes to a heap. Buckets are chains of chunks, so that memory is written and read in order. A calendar of
width 0 is nothing but the heap, the right thing for few entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.memory import part, pointer, prefetch, record, small

#: How many entries ahead memory is asked for.
AHEAD = 4

#: Entries of a chunk; so few entries are not worth sorting; steps of the distribution at most.
CHUNK, FEW, STEPS = 32, 16, 1 << 16

#: An entry of a heap.
NEAR = record(f8="time", i4="item")
near_at = pointer(NEAR)

#: ``slice`` is the current one, of ``per_second``; what is in it lies from ``first`` to ``last`` in ``order``, sorted,
#: and in the ``heap`` of ``near`` entries; ``all`` counts everything, of which there is ``room`` for so many. Times are
#: late by ``offset``; nothing comes due from ``end`` on. The rest are addresses.
CALENDAR = record(
    f8="per_second offset end",
    i8="mask slice first last near all room free buckets links entries order scratch tallies heap",
)

#: The last chunk of a bucket, -1 when there is none, and how many entries fit into it yet.
BUCKET = record(i4="chunk room")
bucket_at = pointer(BUCKET)
calendar_at = pointer(CALENDAR)


@part
def push(heap: int, size: int, time: float, item: int) -> None:
    """Add to the heap of ``size`` entries at that address."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        above = near_at(heap, parent)
        if above.time <= time:
            break
        entry = near_at(heap, place)
        entry.time, entry.item = above.time, above.item
        place = parent
    entry = near_at(heap, place)
    entry.time, entry.item = time, item


@part
def pop(heap: int, size: int) -> None:
    """Remove the first of ``size`` entries."""
    last = size - 1
    time, item = near_at(heap, last).time, near_at(heap, last).item
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        if child + 1 < last and near_at(heap, child + 1).time < near_at(heap, child).time:
            child += 1
        below = near_at(heap, child)
        if time <= below.time:
            break
        entry = near_at(heap, place)
        entry.time, entry.item = below.time, below.item
        place = child
    entry = near_at(heap, place)
    entry.time, entry.item = time, item


@part
def put(calendar: Any, item: int, time: float) -> None:
    """Let ``item`` come due at ``time``, which is never when that is after the end of the run."""
    if time >= calendar.end:
        return
    time -= calendar.offset
    calendar.all += 1
    slice_ = np.int64(time * calendar.per_second)
    if slice_ <= calendar.slice:
        push(calendar.heap, calendar.near, time, item)
        calendar.near += 1
    else:
        lay(calendar, slice_, time, item)


@part
def lay(calendar: Any, slice_: Any, time: float, item: int) -> None:
    """Add to the bucket of a later slice."""
    bucket = bucket_at(calendar.buckets, slice_ & calendar.mask)
    if bucket.room == 0:
        chunk = calendar.free
        link = small(calendar.links, chunk)
        calendar.free = link.value
        link.value = bucket.chunk
        bucket.chunk, bucket.room = chunk, CHUNK
    bucket.room -= 1
    entry = near_at(calendar.entries, bucket.chunk * CHUNK + bucket.room)
    entry.time, entry.item = time, item


@part
def next_due(calendar: Any) -> Any:
    """When the first entry comes due; infinity when there is none."""
    if calendar.all == 0:
        return np.inf
    while calendar.near == 0 and calendar.first == calendar.last:
        turn(calendar)
    time = near_at(calendar.order, calendar.first).time if calendar.first < calendar.last else np.inf
    if calendar.near > 0 and near_at(calendar.heap, 0).time < time:
        time = near_at(calendar.heap, 0).time
    return time + calendar.offset


@part
def take(calendar: Any) -> Any:
    """Remove the first entry, once :func:`next_due` has found it."""
    calendar.all -= 1
    if calendar.first < calendar.last:
        entry = near_at(calendar.order, calendar.first)
        if calendar.near == 0 or entry.time <= near_at(calendar.heap, 0).time:
            calendar.first += 1
            return entry.item
    item = near_at(calendar.heap, 0).item
    pop(calendar.heap, calendar.near)
    calendar.near -= 1
    return item


@part
def upcoming(calendar: Any) -> Any:
    """What comes due a little later, -1 when that is not known."""
    later = calendar.first + AHEAD
    return near_at(calendar.order, later).item if later < calendar.last else -1


@part
def turn(calendar: Any) -> None:
    """Turn to the next slice."""
    calendar.slice += 1
    bucket = bucket_at(calendar.buckets, calendar.slice & calendar.mask)
    if bucket.chunk >= 0:
        count = gather(calendar, bucket)
        if count <= FEW or not sort(calendar, count):
            for index in range(count):
                entry = near_at(calendar.scratch, index)
                push(calendar.heap, calendar.near, entry.time, entry.item)
                calendar.near += 1


@part
def gather(calendar: Any, bucket: Any) -> Any:
    """Copy what is due in this slice to ``scratch``, put back what is due a turn of the buckets later; how many.

    Chunks lie anywhere, so while one is read memory is asked for the next.
    """
    chunk, place, count = bucket.chunk, bucket.room, 0
    bucket.chunk, bucket.room = -1, 0
    while chunk >= 0:
        link = small(calendar.links, chunk)
        before = link.value
        while place < CHUNK:
            entry = near_at(calendar.entries, chunk * CHUNK + place)
            if before >= 0:
                prefetch(near_at(calendar.entries, before * CHUNK + place))
            place += 1
            slice_ = np.int64(entry.time * calendar.per_second)
            if slice_ <= calendar.slice:
                copy = near_at(calendar.scratch, count)
                copy.time, copy.item = entry.time, entry.item
                count += 1
            else:
                lay(calendar, slice_, entry.time, entry.item)
        link.value = calendar.free
        calendar.free = chunk
        chunk, place = before, 0
    return count


@part
def sort(calendar: Any, count: Any) -> Any:
    """Sort ``scratch`` into ``order`` by distribution; refuses when too many entries lie too close together."""
    steps = np.int64(1)
    while steps < count and steps < STEPS:
        steps *= 2
    for step in range(steps + 1):
        small(calendar.tallies, step).value = 0
    most = 0
    for index in range(count):
        tally = small(calendar.tallies, step_of(calendar, near_at(calendar.scratch, index).time, steps) + 1)
        tally.value += 1
        most = max(most, tally.value)
    if most > CHUNK:
        return False
    for step in range(steps):
        small(calendar.tallies, step + 1).value += small(calendar.tallies, step).value
    for index in range(count):
        entry = near_at(calendar.scratch, index)
        tally = small(calendar.tallies, step_of(calendar, entry.time, steps))
        slot = near_at(calendar.order, tally.value)
        slot.time, slot.item = entry.time, entry.item
        tally.value += 1
    settle(calendar.order, count)
    calendar.first, calendar.last = 0, count
    return True


@part
def step_of(calendar: Any, time: float, steps: Any) -> Any:
    """The step of a time within the slice."""
    return min(max(np.int64((time * calendar.per_second - calendar.slice) * steps), 0), steps - 1)


@part
def settle(order: int, count: Any) -> None:
    """Insertion sort of what is nearly in order."""
    for index in range(1, count):
        entry = near_at(order, index)
        time, item = entry.time, entry.item
        place = index
        while place > 0 and near_at(order, place - 1).time > time:
            before, slot = near_at(order, place - 1), near_at(order, place)
            slot.time, slot.item = before.time, before.item
            place -= 1
        slot = near_at(order, place)
        slot.time, slot.item = time, item
