"""Random numbers of the kernel: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), and the times drawn from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.memory import part, unsigned

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / 9007199254740992.0


@part
def uniform(streams: Any, which: int) -> Any:
    """U[0, 1) from one of the streams."""
    stream = unsigned(streams, which)
    state = stream.value + _GOLDEN
    stream.value = state
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.float64((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * _UNIT


@part
def draw(streams: Any, which: int, kind: int, first: float, second: float) -> Any:
    """A time in s: fixed (0), exponential (1), log-normal with mu and sigma (2), uniform between two ends (3)."""
    if kind == 0:
        return first
    if kind == 1:
        return -first * np.log(1.0 - uniform(streams, which))
    if kind == 2:
        radius = np.sqrt(-2.0 * np.log(1.0 - uniform(streams, which)))
        return np.exp(first + second * radius * np.cos(2.0 * np.pi * uniform(streams, which)))
    return first + (second - first) * uniform(streams, which)
