"""Which replica gets the next request.

*Two choices*: the less loaded of two replicas drawn at random; with stale or expensive knowledge of the load it does
better than the best of all (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Load is what
the balancer itself has under way, as with Envoy's least-request balancer: a replica that fails at once looks empty.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from stormlab.policies.base import RandomSource

Balancing: TypeAlias = Literal["round-robin", "least-loaded", "two-choices"]


class Balancer(Protocol):
    """A decision class; replicas are numbers."""

    def choose(self, among: Sequence[int], loads: Sequence[int]) -> int:
        """One of ``among`` (ascending, not empty); ``loads`` are the requests under way at every replica."""
        ...


class RoundRobin:
    """In turn, whatever the load."""

    def __init__(self) -> None:
        self._last = 0

    def choose(self, among: Sequence[int], loads: Sequence[int]) -> int:
        after = bisect(among, self._last)
        self._last = among[after % len(among)]
        return self._last


class LeastLoaded:
    """The one with the fewest requests under way; equals in turn."""

    def __init__(self) -> None:
        self._last = 0

    def choose(self, among: Sequence[int], loads: Sequence[int]) -> int:
        after, number = bisect(among, self._last), len(among)
        self._last = min((among[(after + step) % number] for step in range(number)), key=loads.__getitem__)
        return self._last


class TwoChoices:
    """The less loaded of two different ones, drawn at random."""

    def __init__(self, random: RandomSource) -> None:
        self._random = random

    def choose(self, among: Sequence[int], loads: Sequence[int]) -> int:
        number = len(among)
        if number == 1:
            return among[0]
        first = int(self._random.random() * number)
        second = int(self._random.random() * (number - 1))
        one, other = among[first], among[second + (second >= first)]
        return one if loads[one] <= loads[other] else other


def balancer(kind: Balancing, random: RandomSource) -> Balancer:
    """The decision class called ``kind``."""
    match kind:
        case "round-robin":
            return RoundRobin()
        case "least-loaded":
            return LeastLoaded()
        case "two-choices":
            return TwoChoices(random)
