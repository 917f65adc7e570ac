"""Interprets strategies on asyncio, inside the task of whoever calls; only races start tasks of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

from stormlab.drivers.edge import Attempt, Front, as_outcome, deliver, takes_request
from stormlab.effects import PLAIN, Call, Effect, Race, Request, Sleep, Steps, Within
from stormlab.outcome import SUCCESS, TIMED_OUT, Outcome

P = ParamSpec("P")
T = TypeVar("T")
Operation: TypeAlias = Callable[[Request], Awaitable[Outcome]]


async def interpret(steps: Steps, operation: Operation) -> Outcome:
    """Run started steps to their end; when this is cancelled they are closed, so that permits come back.

    Args:
        steps: what ``strategy(now, request)`` returned, with ``now`` in s on the clock of the running loop.
        operation: does the guarded operation once; failures are outcomes, not exceptions.
    """
    clock = asyncio.get_running_loop().time
    try:
        effect = next(steps)
        while True:
            outcome = await _perform(effect, operation)
            effect = steps.send((clock(), outcome))
    except StopIteration as stop:
        return stop.value[1]  # type: ignore[no-any-return]
    finally:
        steps.close()


async def _perform(effect: Effect, operation: Operation) -> Outcome:
    match effect:
        case Call(request):
            return await operation(request)
        case Sleep(seconds):
            await asyncio.sleep(seconds)
            return SUCCESS
        case Within(seconds, steps):
            return await _within(seconds, steps, operation)
        case Race():
            return await _race(effect, operation)


async def _within(seconds: float, steps: Steps, operation: Operation) -> Outcome:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await interpret(steps, operation)
    except TimeoutError:
        if not limit.expired():
            raise
        return TIMED_OUT


async def _race(effect: Race, operation: Operation) -> Outcome:
    lanes = [asyncio.create_task(interpret(effect.first, operation))]
    try:
        await asyncio.wait(lanes, timeout=effect.delay)
        if _won(lanes[0]):
            return lanes[0].result()
        now = asyncio.get_running_loop().time()
        lanes.append(asyncio.create_task(interpret(effect.second(now), operation)))
        return await _first_success(lanes)
    finally:
        await _cancel(lanes)


def _won(lane: asyncio.Task[Outcome]) -> bool:
    return lane.done() and lane.result().ok


async def _first_success(lanes: list[asyncio.Task[Outcome]]) -> Outcome:
    ended: asyncio.Queue[asyncio.Task[Outcome]] = asyncio.Queue()
    for lane in lanes:
        lane.add_done_callback(ended.put_nowait)
    outcome = (await ended.get()).result()
    return outcome if outcome.ok else (await ended.get()).result()


async def _cancel(lanes: list[asyncio.Task[Outcome]]) -> None:
    going = [lane for lane in lanes if not lane.done()]
    for lane in going:
        lane.cancel()
    if going:
        await asyncio.wait(going)


class Pipeline(Front):
    """Policies around asynchronous operations.

    Example:
        >>> import asyncio
        >>> from stormlab.policies import Retry, RetryBudget, Timeout
        >>> pipeline = Pipeline([Retry(max_retries=2), RetryBudget(), Timeout(seconds=0.5)], edge="shop-stock")
        >>> print(pipeline)
        retry → retry-budget → timeout → call
        >>> async def stock() -> int:
        ...     return 3
        >>> asyncio.run(pipeline.call(stock))
        3
    """

    async def call(
        self, fn: Callable[[], Awaitable[T]] | Callable[[Request], Awaitable[T]], *, request: Request = PLAIN
    ) -> T:
        """Do ``fn`` under the policies and return its answer.

        Args:
            fn: called once for each attempt. When it has one required parameter it is given the request of that
                attempt, with its number and deadline, to be passed on; otherwise nothing. It may return an
                :class:`~stormlab.outcome.Outcome` to say "overloaded, come back in 2 s" without raising.
            request: what the caller knows: a deadline (in s on the loop's clock), a priority, a caller, a key.

        Raises:
            Exception: what the last attempt raised, as itself.
            stormlab.errors.CallFailed: when nothing was raised: a time-out, or a policy refused.
        """
        return deliver(await self.outcome(fn, request=request))  # type: ignore[no-any-return]

    async def outcome(
        self, fn: Callable[[], Awaitable[T]] | Callable[[Request], Awaitable[T]], *, request: Request = PLAIN
    ) -> Outcome:
        """As :meth:`call`, with failures as values."""
        clock = asyncio.get_running_loop().time
        attempted: Callable[..., Awaitable[Any]] = fn
        passes_request = takes_request(fn)

        async def operation(request: Request) -> Outcome:
            with Attempt(self, clock, request) as attempt:
                attempt.outcome = as_outcome(await (attempted(request) if passes_request else attempted()))
            return attempt.outcome

        return await interpret(self.strategy(clock(), request), operation)

    def guard(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Decorate a coroutine function so that every call of it goes through the policies."""

        @wraps(fn)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self.call(lambda: fn(*args, **kwargs))

        return guarded
