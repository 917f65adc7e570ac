"""Spread one stream of work over several workers, and gather several streams into one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from stormlab.policies.checks import count

T = TypeVar("T")
_END: Any = object()


async def fan_out(source: AsyncIterable[T], work: Callable[[T], Awaitable[None]], *, workers: int) -> None:
    """Does ``work`` for every item of ``source``, at most ``workers`` at once, each item once.

    The source is not read ahead of the workers. The first failure cancels the rest.

    Raises:
        stormlab.errors.InvalidValue: ``workers`` is below 1.
        ExceptionGroup: what the work, or the source, raised.
    """
    count("workers", workers, least=1)
    items, turn = aiter(source), asyncio.Lock()

    async def worker() -> None:
        while True:
            async with turn:
                item = await anext(items, _END)
            if item is _END:
                return
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())


async def fan_in(*sources: AsyncIterable[T]) -> AsyncIterator[T]:
    """The items of all ``sources`` as they come, each source's in its own order; ends when all have ended.

    A source is read one item ahead. What a source raises is raised here, and the others are cancelled.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue(1)

    async def drain(source: AsyncIterable[T]) -> None:
        try:
            async for item in source:
                await queue.put((item, None))
            await queue.put((_END, None))
        except Exception as error:
            await queue.put((_END, error))

    tasks = [asyncio.ensure_future(drain(source)) for source in sources]
    try:
        going = len(tasks)
        while going:
            item, error = await queue.get()
            if error is not None:
                raise error
            if item is _END:
                going -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
