"""A ring holds what comes due in the order in which it was added; what no longer waits is crossed out in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.memory import part, pointer, prefetch, record

#: How many entries ahead memory is asked for.
AHEAD = 4

#: An entry of a ring of time limits; a ``client`` below 0 no longer waits.
LIMIT = record(f8="time", i4="client")

#: A ring of such entries: places count up for ever and ``mask`` folds them into the room at ``address``; ``due`` is
#: when its first entry is.
RING = record(f8="due", i8="head tail mask address")
limit_at, ring_at = pointer(LIMIT), pointer(RING)

#: What a client remembers of a place.
_PLACES = 0x7FFFFFFF


@part
def begin_limit(ring: Any, client: int, time: float) -> Any:
    """Write ``client`` to the end of a ring with room; answers the place to cross it out at."""
    place = ring.tail
    entry = limit_at(ring.address, place & ring.mask)
    entry.time, entry.client = time, client
    if place == ring.head:
        ring.due = time
    ring.tail = place + 1
    return place & _PLACES


@part
def cross_out(ring: Any, place: int) -> None:
    """Nobody waits at that place any more."""
    limit_at(ring.address, place & ring.mask).client = -1


@part
def end_limit(ring: Any, at: Any, records: int) -> Any:
    """Remove the first entry, and those behind it that have been crossed out; answers who waited, or -1."""
    client = limit_at(ring.address, ring.head & ring.mask).client
    ring.head += 1
    later = limit_at(ring.address, (ring.head + AHEAD) & ring.mask).client
    if later >= 0:
        prefetch(at(records, later))
    while ring.head < ring.tail and limit_at(ring.address, ring.head & ring.mask).client < 0:
        ring.head += 1
    ring.due = limit_at(ring.address, ring.head & ring.mask).time if ring.head < ring.tail else np.inf
    return client


@part
def is_full(ring: Any) -> Any:
    """Whether a ring needs more room."""
    return ring.tail - ring.head > ring.mask
