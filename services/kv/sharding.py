"""A map split into shards by the hash of the key, each with a lock of its own, for use by several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping


class ShardedMap(MutableMapping[str, bytes]):
    """``shards`` (1 or more) dictionaries that act as one; iterating sees each shard as it is when its turn comes."""

    def __init__(self, shards: int) -> None:
        if shards < 1:
            raise ValueError(f"{shards} shards; give 1 or more")
        self._shards: tuple[tuple[threading.Lock, dict[str, bytes]], ...] = tuple(
            (threading.Lock(), {}) for _ in range(shards)
        )

    def __getitem__(self, key: str) -> bytes:
        lock, values = self._of(key)
        with lock:
            return values[key]

    def __setitem__(self, key: str, value: bytes) -> None:
        lock, values = self._of(key)
        with lock:
            values[key] = value

    def __delitem__(self, key: str) -> None:
        lock, values = self._of(key)
        with lock:
            del values[key]

    def __contains__(self, key: object) -> bool:
        lock, values = self._of(key)
        with lock:
            return key in values

    def __len__(self) -> int:
        return sum(self.sizes())

    def __iter__(self) -> Iterator[str]:
        for lock, values in self._shards:
            with lock:
                keys = list(values)
            yield from keys

    def sizes(self) -> list[int]:
        """Entries per shard."""
        return [len(values) for _, values in self._shards]

    def clear(self) -> None:
        for lock, values in self._shards:
            with lock:
                values.clear()

    def _of(self, key: object) -> tuple[threading.Lock, dict[str, bytes]]:
        return self._shards[hash(key) % len(self._shards)]
