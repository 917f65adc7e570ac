"""The read path: the cache against a model, staleness, the slow backing store."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.capacity import Capacity, CapacitySpec
from services.common.service_time import ServiceTime
from services.kv.cache import CachedReader, Lru, SlowReader
from services.kv.core import MapReader
from services.kv.model import BackingOverloaded


def test_the_one_used_longest_ago_makes_room_and_is_told() -> None:
    told: list[tuple[str, int]] = []
    lru: Lru[str, int] = Lru(2, evicted=lambda key, value: told.append((key, value)))
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert told == [("b", 2)]
    lru.discard("a")
    lru.put("d", 4)
    assert (told, len(lru), lru.get("b")) == ([("b", 2)], 2, None)


def test_no_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Lru(0, evicted=lambda key, value: None)


@given(st.integers(1, 4), st.lists(st.tuples(st.sampled_from("gpd"), st.integers(0, 6))))
def test_it_behaves_like_a_list_in_order_of_use(capacity: int, steps: list[tuple[str, int]]) -> None:
    evicted: list[int] = []
    lru: Lru[int, int] = Lru(capacity, evicted=lambda key, value: evicted.append(key))
    model: OrderedDict[int, int] = OrderedDict()
    expected: list[int] = []
    for step, (operation, key) in enumerate(steps):
        if operation == "g":
            assert lru.get(key) == model.get(key)
            if key in model:
                model.move_to_end(key)
        elif operation == "p":
            lru.put(key, step)
            model[key] = step
            model.move_to_end(key)
            if len(model) > capacity:
                expected.append(model.popitem(last=False)[0])
        else:
            lru.discard(key)
            model.pop(key, None)
    assert evicted == expected


def test_hits_misses_and_evictions_are_counted_and_absence_is_not_kept() -> None:
    async def run() -> None:
        values = {"a": b"1", "b": b"2"}
        reader = CachedReader(MapReader(values), 1)
        assert [await reader.read(key) for key in ("a", "a", "none", "none", "b")] == [b"1", b"1", None, None, b"2"]
        assert (reader.hits, reader.misses, reader.evictions, len(reader)) == (1, 4, 1, 1)
        reader.clear()
        assert len(reader) == 0

    asyncio.run(run())


def test_a_change_during_a_slow_read_never_leaves_the_old_value_behind() -> None:
    async def run() -> None:
        values = {"k": b"old"}
        spec = CapacitySpec(workers=1, service_time=ServiceTime.parse("fixed:0.005"))
        reader = CachedReader(SlowReader(MapReader(values), Capacity(spec)), 10)
        reading = asyncio.create_task(reader.read("k"))
        await asyncio.sleep(0)
        values["k"] = b"new"
        reader.changed("k")
        assert await reading == b"new"
        assert await reader.read("k") == b"new"
        values["k"] = b"newer"
        reader.changed("k")
        assert await reader.read("k") == b"newer"

    asyncio.run(run())


def test_a_backing_store_with_a_full_queue_is_a_typed_error() -> None:
    async def run() -> None:
        spec = CapacitySpec(workers=1, service_time=ServiceTime.parse("fixed:0.005"), queue_limit=0)
        reader = SlowReader(MapReader({}), Capacity(spec))
        first = asyncio.create_task(reader.read("k"))
        await asyncio.sleep(0)
        with pytest.raises(BackingOverloaded):
            await reader.read("k")
        assert await first is None

    asyncio.run(run())
