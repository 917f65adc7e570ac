"""How long to wait before the next try.

With base *b*, cap *c* and retry number *n* = 1, 2, …, the ceiling is v = min(c, b·2^(n-1)). Full, equal and
decorrelated jitter follow aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter (whose simulator starts
at n = 2, so its first ceiling is twice its base); the book's jitter is that of "Cloud Native Go", chapter 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Literal, Protocol

from stormlab.policies.base import RandomSource
from stormlab.policies.checks import at_least, not_negative, positive
from stormlab.units import Seconds


class Backoff(Protocol):
    """A schedule of waits."""

    @property
    def kind(self) -> str: ...

    def delays(self, random: RandomSource) -> Iterator[float]:
        """The waits in s before the first, second, … retry, without end; one iterator serves one request."""
        ...


def ceilings(base: float, cap: float) -> Iterator[float]:
    """min(cap, base·2^(n-1)) for n = 1, 2, … in s."""
    ceiling = min(base, cap)
    while True:
        yield ceiling
        ceiling = min(2 * ceiling, cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBackoff:
    """Try again at once."""

    kind: Literal["none"] = "none"

    def delays(self, random: RandomSource) -> Iterator[float]:
        return repeat(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The same wait of ``delay`` s each time."""

    kind: Literal["fixed"] = "fixed"
    delay: Seconds = 2.0

    def __post_init__(self) -> None:
        not_negative("delay", self.delay)

    def delays(self, random: RandomSource) -> Iterator[float]:
        return repeat(self.delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Growing:
    """A base and a cap, in s."""

    base: Seconds = 0.1
    cap: Seconds = 20.0

    def __post_init__(self) -> None:
        positive("base", self.base)
        at_least("cap", self.cap, self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential(_Growing):
    """v: doubles each time, up to the cap; callers that failed together come back together."""

    kind: Literal["exponential"] = "exponential"

    def delays(self, random: RandomSource) -> Iterator[float]:
        return ceilings(self.base, self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class FullJitter(_Growing):
    """U(0, v): the fewest calls of the AWS study, and the default."""

    kind: Literal["full-jitter"] = "full-jitter"

    def delays(self, random: RandomSource) -> Iterator[float]:
        return (random.random() * ceiling for ceiling in ceilings(self.base, self.cap))


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualJitter(_Growing):
    """v/2 + U(0, v/2): never less than half the ceiling."""

    kind: Literal["equal-jitter"] = "equal-jitter"

    def delays(self, random: RandomSource) -> Iterator[float]:
        return ((1 + random.random()) * ceiling / 2 for ceiling in ceilings(self.base, self.cap))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorrelated(_Growing):
    """s ← min(cap, U(base, 3s)), starting from s = base: grows from the last wait, not from the count."""

    kind: Literal["decorrelated-jitter"] = "decorrelated-jitter"

    def delays(self, random: RandomSource) -> Iterator[float]:
        wait = self.base
        while True:
            wait = min(self.cap, random.uniform(self.base, 3 * wait))
            yield wait


@dataclass(frozen=True, slots=True, kw_only=True)
class BookJitter(_Growing):
    """floor + U[0, 3v), with a floor of 1 s: the jitter of "Cloud Native Go", mean 1 + 1.5·v seconds."""

    kind: Literal["book-jitter"] = "book-jitter"
    base: Seconds = 1.0
    cap: Seconds = 60.0
    floor: Seconds = 1.0

    def __post_init__(self) -> None:
        _Growing.__post_init__(self)
        not_negative("floor", self.floor)

    def delays(self, random: RandomSource) -> Iterator[float]:
        return (self.floor + 3 * ceiling * random.random() for ceiling in ceilings(self.base, self.cap))
