"""What a prediction is worth.

A choice is right or wrong. A number is judged by its ratio to what was observed, because predictions in this field miss
by factors: within a tenth it is worth everything, at a factor of two nothing, and linearly in the logarithm in between.
"""

from __future__ import annotations

import math
from typing import TypeAlias

Answer: TypeAlias = float | str

#: Ratios between prediction and observation up to which a number is worth all, and from which it is worth nothing.
FULL, NOTHING = 1.1, 2.0


def score(guess: Answer | None, actual: Answer) -> float:
    """From 0 to 1; a prediction that was not made is worth 0.

    >>> score("recovers", "stays down"), score(4, 3.9), round(score(3, 4), 2), score(8, 4)
    (0.0, 1.0, 0.68, 0.0)
    """
    if guess is None:
        return 0.0
    if isinstance(guess, str) or isinstance(actual, str):
        return float(guess == actual)
    return _of_ratio(float(guess), float(actual))


def _of_ratio(guess: float, actual: float) -> float:
    if guess == actual:
        return 1.0
    if guess <= 0 or actual <= 0:
        return 0.0
    off = abs(math.log(guess / actual))
    full, nothing = math.log(FULL), math.log(NOTHING)
    return min(1.0, max(0.0, (nothing - off) / (nothing - full)))
