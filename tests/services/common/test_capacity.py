"""The asyncio side of emulated capacity, on an event loop whose clock the test owns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from services.common.capacity import Capacity, CapacitySpec, Purged, QueueFull
from services.common.service_time import ServiceTime
from stormlab.errors import BadInput
from stormlab.scenario.parts import PowerSlowdown


def spec(*, workers: int = 1, service_time: str = "fixed:1", queue_limit: int = 10) -> CapacitySpec:
    return CapacitySpec(workers=workers, service_time=ServiceTime.parse(service_time), queue_limit=queue_limit)


class Clock:
    """Time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def scenario(body: Callable[[Capacity, Clock], Awaitable[None]], capacity: CapacitySpec) -> None:
    async def run() -> None:
        clock = Clock()
        await body(Capacity(capacity, clock=clock), clock)

    asyncio.run(run())


def test_the_end_of_service_is_the_intended_one_however_late_the_loop_is() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        tasks = [asyncio.create_task(capacity.serve()) for _ in range(3)]
        await settle()
        assert (capacity.busy, capacity.waiting) == (1, 2)
        clock.now = 7.3
        capacity.restore()
        assert await asyncio.gather(*tasks) == [1.0, 2.0, 3.0]
        assert capacity.service_seconds == 3.0

    scenario(body, spec())


def test_a_full_queue_refuses_at_once() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        tasks = [asyncio.create_task(capacity.serve()) for _ in range(2)]
        await settle()
        with pytest.raises(QueueFull, match="queue-full"):
            await capacity.serve()
        assert capacity.rejected == 1
        clock.now = 2.0
        capacity.restore()
        await asyncio.gather(*tasks)

    scenario(body, spec(queue_limit=1))


def test_work_whose_caller_left_still_holds_the_worker() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        first, second = (asyncio.create_task(capacity.serve()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert (capacity.busy, capacity.waiting) == (1, 1)
        clock.now = 2.0
        capacity.restore()
        assert await second == 2.0
        assert capacity.service_seconds == 2.0

    scenario(body, spec())


def test_the_timer_wakes_the_caller() -> None:
    async def run() -> None:
        capacity = Capacity(spec(workers=2, service_time="fixed:0.002"))
        await asyncio.gather(*(capacity.serve() for _ in range(10)))
        assert (capacity.busy, capacity.waiting) == (0, 0)
        assert capacity.service_seconds == pytest.approx(0.02)

    asyncio.run(run())


def test_without_workers_nothing_is_emulated_and_nothing_can_be_cut() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        assert await capacity.serve() == 0.0
        assert capacity.per_second == 0.0
        capacity.restore()
        with pytest.raises(BadInput, match="WORKERS"):
            capacity.change(speed=0.5)

    scenario(body, spec(workers=0))


@pytest.mark.parametrize("change", [{"workers": -1}, {"workers": 10**6}, {"speed": 0.0}, {"speed": float("nan")}])
def test_a_change_out_of_range_is_refused(change: dict[str, float]) -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        with pytest.raises(BadInput, match="give"):
            capacity.change(**change)  # type: ignore[arg-type]
        assert (capacity.workers, capacity.speed) == (1, 1.0)

    scenario(body, spec())


def test_capacity_follows_workers_and_speed() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        assert capacity.per_second == 100.0
        capacity.change(speed=0.25)
        assert capacity.per_second == 25.0
        capacity.change(workers=4)
        assert capacity.per_second == 40.0
        capacity.restore()
        assert capacity.per_second == 100.0

    scenario(body, spec(workers=10, service_time="exponential:0.1"))


def test_a_request_with_errands_holds_its_worker_until_it_is_completed() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        first, second = (asyncio.create_task(capacity.serve()) for _ in range(2))
        await settle()
        clock.now = 3.0
        capacity.restore()
        await settle()
        assert (first.done(), second.done(), capacity.busy, capacity.waiting) == (True, False, 1, 1)
        capacity.completed(await first, deadline=2.0)
        clock.now = 4.5
        capacity.restore()
        assert await second == 4.0
        assert (capacity.completions, capacity.wasted) == (1, 1)

    scenario(body, replace(spec(), holding=True))


def test_a_caller_that_left_does_not_hold_a_worker_for_ever() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        gone, waiting = (asyncio.create_task(capacity.serve()) for _ in range(2))
        await settle()
        gone.cancel()
        await settle()
        clock.now = 2.0
        capacity.restore()
        clock.now = 4.0
        capacity.restore()
        assert await waiting == 3.0

    scenario(body, replace(spec(), holding=True))


def test_who_is_purged_hears_of_it_and_costs_nothing() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        tasks = [asyncio.create_task(capacity.serve()) for _ in range(3)]
        await settle()
        assert capacity.purge(told=False) == 2
        clock.now = 1.0
        capacity.restore()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[0] == 1.0
        assert [isinstance(one, Purged) and not one.told for one in outcomes[1:]] == [True, True]
        assert (capacity.busy, capacity.waiting) == (0, 0)

    scenario(body, spec())


def test_the_queue_can_be_made_longer_and_restored() -> None:
    async def body(capacity: Capacity, clock: Clock) -> None:
        capacity.change(queue_limit=2)
        assert capacity.queue_limit == 2
        capacity.restore()
        assert capacity.queue_limit == 10
        with pytest.raises(BadInput, match="queue_limit is -1; give 0 or more"):
            capacity.change(queue_limit=-1)

    scenario(body, spec())


def test_capacity_counts_the_best_concurrency_of_workers_that_slow_down() -> None:
    slow = replace(spec(workers=4), slowdown=PowerSlowdown(kind="power", strength=4.0, exponent=2.0))
    assert Capacity(slow).per_second == pytest.approx(max(n / (1 + 4 * (n / 4) ** 2) for n in range(1, 5)))
