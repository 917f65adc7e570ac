"""Waiting for what processes do in a time of their own: in tests, tools and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = 60.0, *, what: str = "") -> T:
    """What ``condition`` gives as soon as that is something; raises TimeoutError when it is nothing for too long."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > limit:
            raise TimeoutError(f"waited {seconds:g} s for {what or condition}")
        time.sleep(0.02)
    return found
