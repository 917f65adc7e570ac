"""Debounce, future, sharding and fans in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stormlab.concurrency import Future, Shards, debounce_first, debounce_last, fan_in, fan_out
from stormlab.errors import InvalidValue
from stormlab.testing import run_in_virtual_time


class Counted:
    def __init__(self) -> None:
        self.at: list[float] = []

    async def __call__(self) -> int:
        self.at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)
        return len(self.at)


def clusters(debounce: Callable[..., Callable[[], Awaitable[int]]]) -> tuple[list[int], list[float]]:
    """Calls at 0, 0.6, 1.2 and 9 s with a quiet time of 1 s."""
    counted = Counted()
    debounced = debounce(counted, quiet=1.0)

    async def main() -> list[int]:
        start = asyncio.get_running_loop().time()

        async def later(at: float) -> int:
            await asyncio.sleep(at)
            return await debounced()

        answers = list(await asyncio.gather(*(later(at) for at in (0, 0.6, 1.2, 9))))
        counted.at = [round(at - start, 6) for at in counted.at]
        return answers

    return run_in_virtual_time(main()), counted.at


def test_the_first_call_of_a_cluster_is_made_and_the_others_share_its_answer() -> None:
    assert clusters(debounce_first) == ([1, 1, 1, 2], [0, 9])


def test_the_last_call_of_a_cluster_is_made_when_it_has_become_quiet() -> None:
    assert clusters(debounce_last) == ([1, 1, 1, 2], [2.2, 10])


@pytest.mark.parametrize("debounce", [debounce_first, debounce_last])
def test_who_leaves_stops_nothing_for_the_others(debounce: Any) -> None:
    counted = Counted()
    debounced = debounce(counted, quiet=1.0)

    async def main() -> int:
        first = asyncio.ensure_future(debounced())
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(debounced())
        await asyncio.sleep(0.1)
        first.cancel()
        answer: int = await second
        return answer

    assert run_in_virtual_time(main()) == 1
    with pytest.raises(InvalidValue, match="quiet"):
        debounce(counted, quiet=0)


def test_a_future_starts_at_once_and_can_be_asked_twice() -> None:
    async def main() -> None:
        counted = Counted()
        future = Future(counted())
        await asyncio.sleep(0.6)
        assert future.done
        assert (await future, await future, len(counted.at)) == (1, 1, 1)

    run_in_virtual_time(main())


def test_a_future_raises_what_was_raised() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await Future(broken())

    run_in_virtual_time(main())


def test_shards_work_side_by_side_and_each_alone() -> None:
    async def main(number: int) -> float:
        loop = asyncio.get_running_loop()
        shards: Shards[dict[str, int]] = Shards(number, dict)
        began = loop.time()

        async def add(key: str) -> None:
            async with shards.of(key) as part:
                known = part.get(key, 0)
                await asyncio.sleep(1)
                part[key] = known + 1

        await asyncio.gather(*(add(f"k{number % 20}") for number in range(40)))
        assert {key: value for part in shards.parts for key, value in part.items()} == {f"k{n}": 2 for n in range(20)}
        return loop.time() - began

    assert run_in_virtual_time(main(1)) == pytest.approx(40)
    assert run_in_virtual_time(main(8)) < 15


async def numbers(start: int, stop: int, pause: float) -> AsyncIterator[int]:
    for number in range(start, stop):
        await asyncio.sleep(pause)
        yield number


def test_fan_out_does_each_item_once_with_so_many_workers() -> None:
    done: list[int] = []
    inside = most = 0

    async def work(item: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(1)
        inside -= 1
        done.append(item)

    run_in_virtual_time(fan_out(numbers(0, 20, 0.01), work, workers=4))
    assert (sorted(done), most) == (list(range(20)), 4)


def test_fan_in_gives_everything_as_it_comes() -> None:
    async def main() -> list[int]:
        return [item async for item in fan_in(numbers(0, 3, 1.0), numbers(10, 12, 1.6), numbers(0, 0, 1))]

    assert run_in_virtual_time(main()) == [0, 10, 1, 2, 11]


def test_a_source_that_fails_ends_the_fan_and_the_other_sources() -> None:
    ended = False

    async def endless() -> AsyncIterator[int]:
        nonlocal ended
        try:
            while True:
                await asyncio.sleep(1)
                yield 1
        finally:
            ended = True

    async def broken() -> AsyncIterator[int]:
        await asyncio.sleep(2.5)
        yield 2
        raise ZeroDivisionError

    async def main() -> list[int]:
        seen = []
        with pytest.raises(ZeroDivisionError):
            async for item in fan_in(endless(), broken()):
                seen.append(item)
        return seen

    assert run_in_virtual_time(main()) == [1, 1, 2]
    assert ended
