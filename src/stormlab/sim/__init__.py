"""The simulated world on SimPy."""

from stormlab.sim.world import World, run

__all__ = ["World", "run"]
