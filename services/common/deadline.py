"""Work that is worth nothing any more is stopped: the caller has left, or the deadline that it sent has passed."""

from __future__ import annotations

import asyncio
import math
import time

from services.common.asgi import App, Message, Receive, Scope, Send, header, refuse
from stormlab.telemetry import names

_DEADLINE = names.DEADLINE_HEADER.encode()


def deadline_of(scope: Scope) -> float | None:
    """When the answer becomes worthless, in s on the monotonic clock; a header that is no number counts as absent."""
    value = header(scope, _DEADLINE)
    try:
        left = math.inf if value is None else float(value) / 1000
    except ValueError:
        return None
    return scope["stormlab.arrived"] + left if math.isfinite(left) else None


def loop_deadline(scope: Scope) -> float | None:
    """The same on the clock of the running loop."""
    deadline = deadline_of(scope)
    return None if deadline is None else asyncio.get_running_loop().time() + (deadline - time.monotonic())


class Abandonable:
    """Runs the inner application for as long as somebody waits for it, then cancels it.

    A deadline that passes is answered with 504. The inner application must take no body, because hearing that the
    caller has left means reading what it sends.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.abandoned = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = deadline_of(scope)
        if deadline is not None and deadline <= time.monotonic():
            self.abandoned += 1
            return await _too_late(send)
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        work = asyncio.ensure_future(self._app(scope, receive, watched))
        gone = asyncio.ensure_future(hang_up(receive))
        try:
            left = None if deadline is None else deadline - time.monotonic()
            await asyncio.wait({work, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
        finally:
            await _cancel(work, gone)
        self.abandoned += 1
        return None if begun or (gone.done() and not gone.cancelled()) else await _too_late(send)


async def hang_up(receive: Receive) -> None:
    """Waits until the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _too_late(send: Send) -> None:
    await refuse(send, 504, "deadline", f"the time that {names.DEADLINE_HEADER} left is over")
