"""A wind tunnel for failures of distributed systems: one scenario, simulated and run live, laid over each other."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormlab.api import compare, load, run
    from stormlab.drivers.aio import Pipeline

__all__ = ["Pipeline", "compare", "load", "run"]

# Imported at first use: gevent must come before asyncio and sockets, and a command line should start fast.
_HOMES = {
    "Pipeline": "stormlab.drivers.aio",
    "compare": "stormlab.api",
    "load": "stormlab.api",
    "run": "stormlab.api",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
