"""An asyncio event loop whose time costs nothing: when nobody can go on, its clock jumps to the next timer.

Equal times run in the order in which they were set, and each to its end before the next, so a run is repeatable
to the last bit. There are no sockets, threads, signals or child processes in virtual time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, NoReturn, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """The event loop; ``start`` is the time in s at which its clock begins."""

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self._now = start
        self._order = count()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []

    def time(self) -> float:
        return self._now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> NoReturn:
        raise NotImplementedError("there are no threads in virtual time")

    def _run_once(self) -> None:
        if not self._ready and not self._stopping:
            self._jump()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        while self._timers:
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._now = max(self._now, when)
                self._ready.append(timer)
                return
        raise RuntimeError("everybody waits and no timer is set: this would wait for ever")

    def _write_to_self(self) -> None:
        """Nobody to wake: there are no other threads."""


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """``asyncio.run`` in virtual time, from ``start`` in s.

    Raises:
        RuntimeError: everybody waits and no timer is set.

    Example:
        >>> async def an_hour() -> float:
        ...     await asyncio.sleep(3600)
        ...     return asyncio.get_running_loop().time()
        >>> run(an_hour())
        3600.0
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main)
