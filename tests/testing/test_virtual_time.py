"""Virtual time: exact, in order, and honest about what it cannot do."""

from __future__ import annotations

import asyncio

import pytest

from stormlab.testing import VirtualTimeLoop, run_in_virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


def test_time_jumps_to_exactly_the_next_timer() -> None:
    async def main() -> list[float]:
        seen = []
        for _ in range(3):
            await asyncio.sleep(0.1)
            seen.append(now())
        return seen

    assert run_in_virtual_time(main()) == [0.1, 0.1 + 0.1, 0.1 + 0.1 + 0.1]


def test_it_may_start_anywhere() -> None:
    async def main() -> float:
        await asyncio.sleep(0.5)
        return now()

    assert run_in_virtual_time(main(), start=1e6) == 1e6 + 0.5


def test_equal_times_run_in_the_order_in_which_they_were_set_each_to_its_end() -> None:
    log: list[str] = []

    async def client(name: str) -> None:
        await asyncio.sleep(1)
        log.append(name)
        await asyncio.sleep(0)
        log.append(name)

    async def main() -> None:
        await asyncio.gather(*(client(name) for name in "abcdefgh"))

    run_in_virtual_time(main())
    assert log == [name for name in "abcdefgh" for _ in range(2)]


def test_cancelled_timers_do_not_move_the_clock() -> None:
    async def main() -> float:
        asyncio.get_running_loop().call_later(100, lambda: None).cancel()
        await asyncio.sleep(1)
        return now()

    assert run_in_virtual_time(main()) == 1.0


def test_time_outs_of_asyncio_work() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.Event().wait()
        return now()

    assert run_in_virtual_time(main()) == 3.0


def test_waiting_for_ever_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(RuntimeError, match="this would wait for ever"):
        run_in_virtual_time(asyncio.Event().wait())


def test_threads_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="no threads"):
        run_in_virtual_time(asyncio.to_thread(print))


def test_tasks_left_over_are_cancelled() -> None:
    ended = []

    async def background() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(now())

    async def main() -> None:
        main.task = asyncio.create_task(background())  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    run_in_virtual_time(main())
    assert ended == [1.0]


def test_a_loop_can_be_stopped_from_inside() -> None:
    loop = VirtualTimeLoop()
    try:
        loop.call_later(2, loop.stop)
        loop.run_forever()
        assert loop.time() == 2.0
    finally:
        loop.close()
