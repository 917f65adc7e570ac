"""Virtual time for gevent: a hub whose timers fire when every greenlet waits; imported only where gevent is."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import gevent
from gevent.hub import Hub, set_hub  # type: ignore[attr-defined]

T = TypeVar("T")
_RealLoop: Any = type(gevent.get_hub().loop)


class VirtualLoop(_RealLoop):  # type: ignore[misc]
    """The event loop of a hub, with a clock that jumps to the next timer when nothing else is to be done.

    Make it with ``default=False``: the base class reads that argument before ``__init__`` does.
    """

    def __init__(self, *, default: bool) -> None:
        super().__init__(default=default)
        self.virtual_now = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, VirtualTimer]] = []
        self._whenever_idle = self.idle()

    def clock(self) -> float:
        return self.virtual_now

    def timer(
        self, after: float, repeat: float = 0.0, *, ref: bool = True, priority: int | None = None
    ) -> VirtualTimer:
        return VirtualTimer(self, after)

    def add(self, timer: VirtualTimer) -> None:
        heapq.heappush(self._timers, (self.virtual_now + timer.after, next(self._order), timer))
        self._whenever_idle.start(self._jump)

    def _jump(self) -> None:
        while self._timers:
            when, _, timer = heapq.heappop(self._timers)
            if timer.active:
                self.virtual_now = when
                timer.fire()
                return
        self._whenever_idle.stop()


class VirtualTimer:
    """What gevent uses of a timer: it fires once, ``after`` s from its start."""

    pending = False

    def __init__(self, loop: VirtualLoop, after: float) -> None:
        self.after = after
        self.active = False
        self._loop = loop
        self._fire: Callable[[], object]

    def start(self, callback: Callable[..., object], *args: Any, update: bool = False) -> None:
        self._fire = lambda: callback(*args)
        self.active = True
        self._loop.add(self)

    def fire(self) -> None:
        self.active = False
        self._fire()

    def stop(self) -> None:
        self.active = False

    close = stop

    def __enter__(self) -> VirtualTimer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run(main: Callable[[Callable[[], float]], T]) -> T:
    """Run ``main(clock)`` on a hub of its own in virtual time; ``clock()`` is in s and starts at 0.

    Example:
        >>> def an_hour(clock: Callable[[], float]) -> float:
        ...     gevent.sleep(3600)
        ...     return clock()
        >>> run(an_hour)
        3600.0
    """
    before = gevent.get_hub()
    loop = VirtualLoop(default=False)
    hub = Hub(loop=loop)
    set_hub(hub)
    try:
        return main(loop.clock)
    finally:
        hub.destroy()
        set_hub(before)
        if not hub.dead:
            hub.throw(gevent.GreenletExit)  # or its frames stay
