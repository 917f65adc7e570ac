"""The sharded map: it is a map, and several threads can use it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kv.sharding import ShardedMap

STEPS = st.lists(st.tuples(st.sampled_from(["set", "pop", "get"]), st.text(max_size=2), st.binary(max_size=2)))


@given(st.integers(1, 5), STEPS)
def test_it_behaves_like_a_dictionary(shards: int, steps: list[tuple[str, str, bytes]]) -> None:
    sharded, model = ShardedMap(shards), dict[str, bytes]()
    for operation, key, value in steps:
        if operation == "set":
            sharded[key] = model[key] = value
        elif operation == "pop":
            assert sharded.pop(key, None) == model.pop(key, None)
        else:
            assert sharded.get(key) == model.get(key)
            assert (key in sharded) == (key in model)
    assert dict(sharded) == model
    assert len(sharded) == len(model)
    sharded.clear()
    assert len(sharded) == 0


def test_keys_spread_over_the_shards() -> None:
    sharded = ShardedMap(8)
    for number in range(4000):
        sharded[str(number)] = b""
    assert all(350 < size < 650 for size in sharded.sizes())


def test_threads_lose_nothing() -> None:
    sharded = ShardedMap(4)

    def fill(thread: int) -> None:
        for number in range(2000):
            sharded[f"{thread}-{number}"] = b"%d" % number

    threads = [threading.Thread(target=fill, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sharded) == 8000
    assert sharded["3-1999"] == b"1999"


def test_no_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        ShardedMap(0)
