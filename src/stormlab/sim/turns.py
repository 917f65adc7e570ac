"""Lets waiting actions begin at a limited rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import simpy

from stormlab.drivers.sim import Timer


class Turns:
    """Lets ``rate`` waiting actions per s begin, in the order they came; all at once when there is no rate."""

    def __init__(self, env: simpy.Environment, rate: float | None) -> None:
        self._env = env
        self._rate = rate
        self._waiting: deque[Callable[[], None]] = deque()
        self._free_at = 0.0
        self._timer: Timer | None = None

    def wait(self, begin: Callable[[], None]) -> None:
        """Call ``begin`` when its turn comes, at once when it is free."""
        self._waiting.append(begin)
        self._admit(None)

    def leave(self, begin: Callable[[], None]) -> None:
        """Whoever waits with ``begin`` does no longer want to."""
        if begin in self._waiting:
            self._waiting.remove(begin)

    def change(self, rate: float | None) -> None:
        """Another rate from now on."""
        self._rate = rate
        self._free_at = self._env.now
        self._admit(None)

    def _admit(self, event: Any) -> None:
        if event is None and self._timer is not None:
            self._timer.cancel()
        self._timer = None
        while self._waiting and (self._rate is None or self._env.now >= self._free_at):
            if self._rate is not None:
                self._free_at = max(self._free_at, self._env.now) + 1 / self._rate
            self._waiting.popleft()()
        if self._waiting and self._timer is None:
            self._timer = Timer(self._env, self._free_at - self._env.now, self._admit)
