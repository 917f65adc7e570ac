"""Make one call out of a cluster of calls: of its first, whose answer the others share, or of its last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stormlab.policies.checks import positive

T = TypeVar("T")


def debounce_first(fn: Callable[[], Awaitable[T]], *, quiet: float) -> Callable[[], Awaitable[T]]:
    """Calls ``fn`` at the first call of a cluster; calls that follow within ``quiet`` s of each other get its answer.

    An answer that failed is shared too. A caller who leaves does not stop the call for the others.

    Raises:
        stormlab.errors.InvalidValue: ``quiet`` is not above 0.
    """
    positive("quiet", quiet)
    until, shared = float("-inf"), None

    async def debounced() -> T:
        nonlocal until, shared
        now = asyncio.get_running_loop().time()
        if now >= until or shared is None:
            shared = asyncio.ensure_future(fn())
        until = now + quiet
        return await asyncio.shield(shared)

    return debounced


def debounce_last(fn: Callable[[], Awaitable[T]], *, quiet: float) -> Callable[[], Awaitable[T]]:
    """Calls ``fn`` once nobody has called for ``quiet`` s; everybody of the cluster waits for that and gets its answer.

    Raises:
        stormlab.errors.InvalidValue: ``quiet`` is not above 0.
    """
    positive("quiet", quiet)
    until, shared = float("-inf"), None

    async def after_quiet() -> T:
        nonlocal shared
        loop = asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(left)
        shared = None
        return await fn()

    async def debounced() -> T:
        nonlocal until, shared
        until = asyncio.get_running_loop().time() + quiet
        if shared is None:
            shared = asyncio.ensure_future(after_quiet())
        return await asyncio.shield(shared)

    return debounced
