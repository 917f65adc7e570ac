"""How the load varies over a run: factors of the rate (open loop) or of the number of users (closed loop) over time.

A shape is a list of ``(time in s, factor)`` between which the load is interpolated, the words of a scenario file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

Points: TypeAlias = tuple[tuple[float, float], ...]
Shape: TypeAlias = Callable[[float, float], Points]

#: Steps of :func:`step`, and points of a curve.
STEPS, CURVE = 5, 96


def constant(duration: float, peak: float) -> Points:
    """Always the stated rate."""
    return ()


def ramp(duration: float, peak: float) -> Points:
    """From nothing to ``peak`` times the rate at the end: where does it break?"""
    return ((0.0, 0.0), (duration, peak))


def step(duration: float, peak: float) -> Points:
    """Five stairs of equal height and length, the last at ``peak`` times the rate."""
    edges = [n * duration / STEPS for n in range(STEPS + 1)]
    heights = [(n + 1) * peak / STEPS for n in range(STEPS)]
    return tuple((at, heights[n]) for n in range(STEPS) for at in edges[n : n + 2])


def spike(duration: float, peak: float) -> Points:
    """The stated rate, and ``peak`` times as much in the middle fifth."""
    start, end = 0.4 * duration, 0.6 * duration
    return ((0.0, 1.0), (start, 1.0), (start, peak), (end, peak), (end, 1.0), (duration, 1.0))


def daily_wave(duration: float, peak: float) -> Points:
    """One day in the length of the run: a sine around the rate, ``peak`` times as much at noon as at midnight."""
    height = (peak - 1) / (peak + 1)
    moments = [n / CURVE for n in range(CURVE + 1)]
    return tuple((day * duration, 1 - height * math.cos(2 * math.pi * day)) for day in moments)


def flash_crowd(duration: float, peak: float) -> Points:
    """The rate; at 30 % of the run a crowd comes within a twentieth of it, and halves with every tenth."""
    start, top = 0.3 * duration, 0.35 * duration
    moments = [top + n * (duration - top) / CURVE for n in range(CURVE + 1)]
    decay = [(at, 1 + (peak - 1) * 0.5 ** ((at - top) / (0.1 * duration))) for at in moments]
    return ((0.0, 1.0), (start, 1.0), *decay)


#: By the words of ``--shape``; ``replay`` takes the times of a recorded trace instead.
SHAPES: dict[str, Shape] = {
    "constant": constant,
    "ramp": ramp,
    "step": step,
    "spike": spike,
    "daily-wave": daily_wave,
    "flash-crowd": flash_crowd,
    "replay": constant,
}
