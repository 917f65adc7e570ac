"""Concurrent histories of the store are linearizable per key, across restarts; the checker finds those that are not."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from services.common.capacity import Capacity, CapacitySpec
from services.common.service_time import ServiceTime
from services.kv.cache import CachedReader, SlowReader
from services.kv.commit import GroupCommit
from services.kv.core import MapReader, Store
from services.kv.file_log import FileLog
from services.kv.model import NoSuchKey
from tests.services.kv.linearizability import Operation, linearizable


def write(value: bytes | None, begin: float, end: float) -> Operation:
    return Operation(True, value, begin, end)


def read(value: bytes | None, begin: float, end: float) -> Operation:
    return Operation(False, value, begin, end)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], True),
        ([read(None, 0, 1)], True),
        ([read(b"1", 0, 1)], False),
        ([write(b"1", 0, 1), read(b"1", 2, 3)], True),
        ([write(b"1", 0, 1), read(None, 2, 3)], False),
        ([write(b"1", 0, 3), read(None, 1, 2)], True),
        ([write(b"1", 0, 9), read(b"1", 1, 2), read(None, 3, 4)], False),
        ([write(b"1", 0, 9), write(b"2", 0, 9), read(b"2", 1, 2), read(b"1", 3, 4)], True),
        ([write(b"1", 0, 9), write(b"2", 0, 1), read(b"1", 2, 3), read(b"2", 4, 5)], False),
        ([Operation(True, b"1", 0), read(None, 1, 2), read(b"1", 3, 4)], True),
        ([Operation(True, b"1", 0), read(None, 1, 2)], True),
        ([Operation(True, b"1", 5), read(b"1", 1, 2)], False),
    ],
)
def test_the_checker(history: list[Operation], expected: bool) -> None:  # noqa: FBT001
    assert linearizable(history) is expected


class Clients:
    """Concurrent callers that note when each operation began and ended."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.histories: dict[str, list[Operation]] = {"a": [], "b": []}

    async def call(self, store: Store, operations: int) -> None:
        for _ in range(operations):
            key = self._rng.choice(["a", "b"])
            kind, value = self._rng.choice("ppdggg"), self._rng.randbytes(4)
            begin = time.perf_counter()
            found = await self._do(store, kind, key, value)
            self.histories[key].append(Operation(kind != "g", found, begin, time.perf_counter()))

    async def _do(self, store: Store, kind: str, key: str, value: bytes) -> bytes | None:
        if kind == "p":
            await store.put(key, value)
            return value
        if kind == "d":
            await store.delete(key)
            return None
        try:
            return await store.get(key)
        except NoSuchKey:
            return None


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_concurrent_histories_across_restarts(tmp_path: Path, seed: int, cached: bool) -> None:  # noqa: FBT001
    clients = Clients(random.Random(seed))

    async def run() -> None:
        log = FileLog(tmp_path / "kv.log", compact_after=2000)
        values: dict[str, bytes] = {}
        slow = Capacity(CapacitySpec(workers=2, service_time=ServiceTime.parse("uniform:0.0001:0.003")))
        reader = CachedReader(SlowReader(MapReader(values), slow), 1) if cached else MapReader(values)
        store = Store(values, reader=reader)
        store.restore(log.events())
        committer = GroupCommit(log, store)
        store.open(committer)
        await asyncio.gather(*(clients.call(store, 12) for _ in range(6)))
        await committer.close()

    for _ in range(3):
        asyncio.run(run())
    assert sum(map(len, clients.histories.values())) == 3 * 6 * 12
    for history in clients.histories.values():
        assert linearizable(history)
