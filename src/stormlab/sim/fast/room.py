"""The room that the kernel works in: arrays, the record that has their addresses, and more of it when it is full."""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np

from stormlab.sim.fast import calendar, records, rings

#: Slices of a calendar that are told apart, a power of two.
BUCKETS = 4096

#: Room in rings and for clients of an open fleet, to begin with; a power of two.
ROOM = 1024

#: From how many bytes on an array is worth pages of its own.
LARGE = 1 << 22


class World:
    """The record that the loop works on, and the arrays that its addresses point into."""

    def __init__(self, **numbers: Any) -> None:
        self.record = one(records.WORLD, **numbers)
        self.arrays: dict[str, Any] = {}

    def number(self, name: str) -> Any:
        """What the record holds under that name."""
        return self.record[name][0]

    def describe(self, part: str, **numbers: Any) -> None:
        """Give a part of the record its numbers."""
        for name, number in numbers.items():
            self.record[part][name] = number

    def place(self, part: str = "", **arrays: Any) -> None:
        """Give the record, or a part of it, the addresses of arrays, which are kept under the name ``part.name``."""
        for name, array in arrays.items():
            self.arrays[f"{part}.{name}" if part else name] = array
            (self.record[part] if part else self.record)[name] = array.ctypes.data

    def place_calendar(self, name: str, count: int, per_second: float) -> None:
        """An empty calendar for ``count`` entries; the heap is all that one of width 0 uses."""
        rooms = {"heap": zeros(count, calendar.NEAR)}
        if per_second:
            chunks = -(-count // calendar.CHUNK) + BUCKETS + 1
            buckets = np.zeros(BUCKETS, calendar.BUCKET)
            buckets["chunk"] = -1
            rooms |= {
                "buckets": buckets,
                "links": chained(chunks).astype(np.int32),
                "entries": zeros(chunks * calendar.CHUNK, calendar.NEAR),
                "order": zeros(count, calendar.NEAR),
                "scratch": zeros(count, calendar.NEAR),
                "tallies": np.zeros(calendar.STEPS + 1, np.int32),
            }
        self.arrays |= {f"{name}.{part}": room for part, room in rooms.items()}
        addresses = {part: room.ctypes.data for part, room in rooms.items()}
        slice_ = -1 if per_second else 0
        numbers = {
            "per_second": per_second,
            "end": self.number("end"),
            "mask": BUCKETS - 1,
            "slice": slice_,
            "room": count,
        }
        part, _, last = name.rpartition(".")
        self.place(part, **{last: one(calendar.CALENDAR, **numbers, **addresses)})

    def _enlarge_calendar(self, name: str, count: int) -> None:
        """Room for ``count`` entries."""
        record = self.arrays[name]
        record["room"] = count
        rooms = {"heap": _longer(self.arrays[f"{name}.heap"], count)}
        if record["per_second"]:
            chunks = len(self.arrays[f"{name}.links"])
            more = -(-count // calendar.CHUNK)
            links = np.append(self.arrays[f"{name}.links"], np.arange(chunks + 1, chunks + more + 1)).astype(np.int32)
            links[-1], record["free"] = record["free"][0], chunks
            rooms |= {"links": links, "entries": _longer(self.arrays[f"{name}.entries"], len(links) * calendar.CHUNK)}
            rooms |= {part: _longer(self.arrays[f"{name}.{part}"], count) for part in ("order", "scratch")}
        for part, room in rooms.items():
            self.arrays[f"{name}.{part}"] = room
            record[part] = room.ctypes.data

    def place_ring(self, name: str) -> None:
        """An empty ring of time limits."""
        room = np.zeros(ROOM, rings.LIMIT)
        self.arrays[f"{name}.room"] = room
        self.place(**{name: one(rings.RING, due=np.inf, mask=ROOM - 1, address=room.ctypes.data)})

    def enlarge(self) -> None:
        """Give twice as much room to everything that is full."""
        for name in ("limits", "deadlines"):
            ring = self.arrays[name][0]
            if ring["tail"] - ring["head"] > ring["mask"]:
                room = _unfolded(self.arrays[f"{name}.room"], ring["head"], ring["tail"])
                self.arrays[f"{name}.room"] = room
                ring["mask"], ring["address"] = len(room) - 1, room.ctypes.data
        for name in ("front", "back"):
            service = self.record[name][0]
            if service["tail"] - service["head"] > service["mask"]:
                self.place(name, queue=_unfolded(self.arrays[f"{name}.queue"], service["head"], service["tail"]))
                service["mask"] = 2 * service["mask"] + 1
        if self.number("asks") and self.arrays["lapses"]["all"] == self.arrays["lapses"]["room"]:
            self._enlarge_calendar("lapses", 2 * int(self.arrays["lapses"]["room"][0]))
        if not self.number("users") and self.number("free") < 0:
            self._invite()
        self.record["full"] = 0

    def _invite(self) -> None:
        """As many clients again."""
        before = self.arrays["clients"]
        self.place(clients=clients_with_nothing_to_do(2 * len(before)))
        self.arrays["clients"][: len(before)] = before
        self.place(memories=_longer(self.arrays["memories"], 2 * len(before)))
        self.record["free"] = len(before)
        self._enlarge_calendar("waits", 2 * len(before))


def _unfolded(room: Any, head: int, tail: int) -> Any:
    """The room of a ring twice as large; what it holds keeps its place."""
    larger, places = zeros(2 * len(room), room.dtype), np.arange(head, tail)
    larger[places & (len(larger) - 1)] = room[places & (len(room) - 1)]
    return larger


def _longer(room: Any, count: int) -> Any:
    longer = zeros(count, room.dtype)
    longer[: len(room)] = room
    return longer


def clients_with_nothing_to_do(count: int) -> Any:
    """Clients with nothing to do, in the list of those that are free."""
    clients = zeros(count, records.CLIENT)
    clients["limit"] = clients["deadline"] = -1
    clients["following"] = chained(count)
    return clients


def zeros(count: int, dtype: Any) -> Any:
    """An array of zeros; a large one in pages as large as the system has them, since the loop jumps about in it."""
    size = count * dtype.itemsize
    if size < LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(count, dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # not every system that knows the word has such pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype)


def chained(count: int) -> Any:
    return np.append(np.arange(1, count), -1)


def one(dtype: Any, **values: Any) -> Any:
    """An array of one record; raises ValueError for a field that it does not have."""
    single = np.zeros(1, dtype)
    for name, value in values.items():
        single[name] = value
    return single
