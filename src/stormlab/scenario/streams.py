"""Named random streams from one master seed: adding a client changes nobody else's numbers."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import numpy as np


def _derive(seed: int, names: tuple[str, ...]) -> int:
    return int.from_bytes(sha256("/".join([str(seed), *names]).encode()).digest()[:16], "big")


def stream(seed: int, *names: str) -> Random:
    """The random stream of one part of the scenario, for example ``stream(1, "client", "web", "policies")``."""
    return Random(_derive(seed, names))


def generator(seed: int, *names: str) -> np.random.Generator:
    """The same for numpy, which draws arrays."""
    return np.random.default_rng(_derive(seed, names))
