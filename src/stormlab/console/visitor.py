"""A trickle of requests to the gateway, so that a stack at rest has something to show."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import cycle

import aiohttp

from stormlab.console.parts import KEY

#: Requests per second.
PACE = 5.0
#: After this nobody waits for the answer any more, in s.
PATIENCE = 5.0
_PATHS = (KEY, "/fibonacci?n=4")


async def visit(entrance: str) -> None:
    """Asks at :data:`PACE`, whatever became of the earlier requests, until cancelled."""
    limit = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=limit) as session, asyncio.TaskGroup() as group:
        for path in cycle(_PATHS):
            group.create_task(_ask(session, f"{entrance}{path}"))
            await asyncio.sleep(1 / PACE)


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with session.get(url) as answer:
            await answer.read()
