"""Which replica gets the next request.

*Two choices*: the less loaded of two replicas drawn at random; with stale or expensive knowledge of the load it does
better than the best of all (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from random import Random
from typing import Literal, Protocol, TypeAlias, TypeVar


class Loaded(Protocol):
    """Something with requests in it."""

    @property
    def load(self) -> int: ...


Target = TypeVar("Target", bound=Loaded)
Balancing: TypeAlias = Literal["round-robin", "least-loaded", "two-choices"]


def chooser(kind: Balancing, targets: Sequence[Target], random: Random) -> Callable[[], Target]:
    """A function that gives the next target; where several are equally good, they take turns or are drawn."""
    if len(targets) == 1:
        (only,) = targets
        return lambda: only
    if kind == "least-loaded":
        return _least_loaded(targets)
    if kind == "two-choices":
        return lambda: _better(*random.sample(targets, 2))
    turns = cycle([*targets[1:], targets[0]])
    return lambda: next(turns)


def _better(one: Target, other: Target) -> Target:
    return one if one.load <= other.load else other


def _least_loaded(targets: Sequence[Target]) -> Callable[[], Target]:
    number = len(targets)
    last = 0

    def choose() -> Target:
        nonlocal last
        last = min(((last + step) % number for step in range(1, number + 1)), key=lambda index: targets[index].load)
        return targets[last]

    return choose
