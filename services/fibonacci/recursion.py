"""The naive recursion, f(n) = f(n-1) + f(n-2) with f(0) = f(1) = 1, run concurrently, each call a span.

f(n) takes 2·f(n) - 1 calls. A request has a bounded number of calls under way at the same time: calls that find no
room do their two parts one after the other. Every so often a call lets others have their turn, so that health checks
and further requests are answered meanwhile, and so that it can be cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from opentelemetry.trace import Span

from stormlab.telemetry import names
from stormlab.telemetry.tracing import Tracing

#: Calls after which others get a turn.
_TURN = 32
#: s of processor time after which others get a turn.
_SLICE = 0.002


class Recursion:
    """The calls of one request; ``counted`` is called for each.

    Args:
        room: calls that may run at the same time, each as a task.
    """

    def __init__(self, tracing: Tracing, *, counted: Callable[[], None], room: int) -> None:
        self._tracing, self._counted, self._room = tracing, counted, room
        self._since = 0

    async def __call__(self, n: int, parent: Span) -> int:
        """f(n), for ``n`` of 0 or more, with its calls as spans below ``parent``."""
        self._counted()
        span = self._tracing.child("Fibonacci", parent, attributes={names.ATTRIBUTE_N: n})
        try:
            result = 1 if n < 2 else await self._parts(n, span)
            if span is not parent:
                span.set_attribute(names.ATTRIBUTE_RESULT, result)
            return result
        finally:
            if span is not parent:
                span.end()

    async def _parts(self, n: int, span: Span) -> int:
        self._since += 1
        if self._since % _TURN == 0:
            await asyncio.sleep(0)
        if self._room < 1:
            return await self(n - 1, span) + await self(n - 2, span)
        self._room -= 1
        try:
            async with asyncio.TaskGroup() as group:
                other = group.create_task(self(n - 1, span))
                result = await self(n - 2, span)
            return result + other.result()
        finally:
            self._room += 1


async def burn(seconds: float) -> None:
    """Uses up ``seconds`` of processor time, in slices between which others get a turn."""
    used = 0.0
    while used < seconds:
        start = time.thread_time()
        until = min(_SLICE, seconds - used)
        while (now := time.thread_time() - start) < until:
            pass
        used += now
        await asyncio.sleep(0)
