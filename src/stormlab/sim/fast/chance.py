"""Random numbers of the kernel: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), and the times drawn from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stormlab.sim.fast.memory import part, pointer, record

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / 9007199254740992.0

#: The kind of time that is drawn ahead.
EXPONENTIAL = 1

#: A stream, and the next exponential time of one that has such times.
STREAM = record(u8="state", f8="ready")
stream_at = pointer(STREAM)


@part
def uniform(streams: Any, which: int) -> Any:
    """U[0, 1) from one of the streams."""
    stream = stream_at(streams, which)
    state = stream.state + _GOLDEN
    stream.state = state
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.float64((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * _UNIT


@part
def unit_exponential(streams: Any, which: int) -> Any:
    """An exponential time of mean 1: the one that was drawn before, so that nothing has to wait for the logarithm."""
    stream = stream_at(streams, which)
    ready = stream.ready
    stream.ready = -np.log(1.0 - uniform(streams, which))
    return ready


@part
def draw(streams: Any, which: int, kind: int, first: float, second: float) -> Any:
    """A time in s: fixed (0), exponential (1), log-normal with mu and sigma (2), uniform between two ends (3)."""
    if kind == 0:
        return first
    if kind == EXPONENTIAL:
        return first * unit_exponential(streams, which)
    if kind == 2:
        radius = np.sqrt(-2.0 * np.log(1.0 - uniform(streams, which)))
        return np.exp(first + second * radius * np.cos(2.0 * np.pi * uniform(streams, which)))
    return first + (second - first) * uniform(streams, which)


@njit(error_model="numpy", cache=True)
def draw_ahead(streams: int, which: int) -> None:
    """Draw the first exponential time of a stream that has such times."""
    unit_exponential(streams, which)
