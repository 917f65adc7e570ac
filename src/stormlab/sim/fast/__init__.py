"""Compiled twins of the simulated world: the same results in distribution, for the scenarios that they know."""

from __future__ import annotations

from collections.abc import Callable

from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.sim.fast.fit import misfit

__all__ = ["misfit", "run"]


def run(scenario: Scenario, *, seed: int | None = None, progress: Callable[[float], None] | None = None) -> Result:
    """Play ``scenario`` once in the compiled kernel, which is loaded now; see :func:`stormlab.sim.fast.world.run`."""
    from stormlab.sim.fast import world

    return world.run(scenario, seed=seed, progress=progress)
