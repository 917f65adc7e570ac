"""The live world: real processes on this machine, faults on schedule, honest about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormlab.live.world import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import the runner late: the load generator shares :mod:`stormlab.live.plan` and must not load the rest."""
    if name == "run":
        from stormlab.live.world import run

        return run
    raise AttributeError(name)
