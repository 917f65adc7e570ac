"""The read path in front of a slow backing store: a least-recently-used cache with a capacity."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from services.common.capacity import Capacity, QueueFull
from services.kv.model import BackingOverloaded
from services.kv.ports import Reader

logger = structlog.get_logger()
K = TypeVar("K")
V = TypeVar("V")


class Lru(Generic[K, V]):
    """At most ``capacity`` (1 or more) entries; the one used longest ago makes room and is told to ``evicted``."""

    def __init__(self, capacity: int, *, evicted: Callable[[K, V], None]) -> None:
        if capacity < 1:
            raise ValueError(f"a capacity of {capacity}; give 1 or more")
        self._capacity, self._evicted = capacity, evicted
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The entry, which counts as a use, or ``None``."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: K, value: V) -> None:
        """Adds or replaces an entry, which counts as a use."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._evicted(*self._entries.popitem(last=False))

    def discard(self, key: K) -> None:
        """Removes an entry, if it is there; that is no eviction."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()


class SlowReader:
    """A backing store of limited capacity: a read waits for one of its workers, then gives what is current."""

    def __init__(self, inner: Reader, capacity: Capacity) -> None:
        self._inner, self._capacity = inner, capacity

    async def read(self, key: str) -> bytes | None:
        """The value.

        Raises:
            BackingOverloaded: too many reads wait already.
        """
        try:
            at = await self._capacity.serve()
        except QueueFull as error:
            raise BackingOverloaded("too many reads wait for the backing store") from error
        value = await self._inner.read(key)
        self._capacity.completed(at)
        return value

    def changed(self, key: str) -> None:
        self._inner.changed(key)


class CachedReader:
    """Keeps what was read last; a change drops the entry.

    The inner reader gives what is current when it returns and nothing comes between that and keeping it, so a value
    that was replaced meanwhile is never kept. Absence is not kept.
    """

    def __init__(self, inner: Reader, capacity: int) -> None:
        self._inner = inner
        self._kept: Lru[str, bytes] = Lru(capacity, evicted=self._evict)
        self.hits = self.misses = self.evictions = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def read(self, key: str) -> bytes | None:
        value = self._kept.get(key)
        if value is not None:
            self.hits += 1
            return value
        self.misses += 1
        value = await self._inner.read(key)
        if value is not None:
            self._kept.put(key, value)
        return value

    def changed(self, key: str) -> None:
        self._kept.discard(key)
        self._inner.changed(key)

    def clear(self) -> None:
        """Forgets everything: a cold cache."""
        self._kept.clear()

    def _evict(self, key: str, value: bytes) -> None:
        self.evictions += 1
        logger.debug("evicted", bytes=len(value), entries=len(self._kept))
