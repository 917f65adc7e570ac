"""Small scenarios and hand-made series for the tests of the scenario package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stormlab.scenario.loader import Source, merge
from stormlab.scenario.model import Scenario
from stormlab.scenario.series import Column, Series

MINIMAL: dict[str, Any] = {
    "title": "a test",
    "run": {"duration": 100, "warmup": 5, "recover_within": 30},
    "services": {"kv": {"workers": 10, "service_time": {"kind": "exponential", "mean": 0.1}}},
    "clients": {"web": {"target": "kv", "arrivals": {"kind": "poisson", "rate": 60}}},
}

SPIKE = {"kind": "load-spike", "target": "web", "at": 20, "for": 10, "factor": 3}
CLOSED = {"kind": "closed", "users": 50, "think_time": {"kind": "fixed", "mean": 1.0}}


def scenario(**over: Any) -> Scenario:
    """The minimal scenario with ``over`` merged into it."""
    return Scenario.model_validate(merge(MINIMAL, over))


def web(**over: Any) -> dict[str, Any]:
    """``clients`` with something else about the client ``web``."""
    return {"web": {**MINIMAL["clients"]["web"], **over}}


def source(text: str, path: str = "storm.toml") -> Source:
    import tomllib

    return Source(name="storm", path=Path(path), text=text, tree=tomllib.loads(text))


def filled(length: int, level: float, changes: Mapping[tuple[int, int], float] = {}) -> Column:
    """A column that is ``level``, except in the given ranges of bins."""
    column = np.full(length, float(level))
    for (first, last), value in changes.items():
        column[first:last] = value
    return column


def series(length: int = 100, /, **columns: Column) -> Series:
    """60/s offered and served by service ``kv`` of capacity 100/s, except for the columns given.

    In their names ``__`` stands for a dot.
    """
    usual = {
        "offered": filled(length, 60),
        "attempts": filled(length, 60),
        "goodput": filled(length, 60),
        "succeeded": filled(length, 60),
        "latency.p50": filled(length, 0.1),
        "latency.p95": filled(length, 0.3),
        "latency.p99": filled(length, 0.5),
        "service.kv.queue": filled(length, 2),
        "service.kv.busy": filled(length, 6),
        "service.kv.capacity": filled(length, 100),
    }
    given = {name.replace("__", "."): column for name, column in columns.items()}
    return Series(columns=usual | given, faults=("",) * length)
