"""Service, think and network times as values: a mean, a shape, and a sampler for a given random stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, TypeAlias

from stormlab.errors import InvalidValue
from stormlab.policies.checks import not_negative, positive
from stormlab.units import Number, Seconds

Sampler: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always ``mean`` s."""

    kind: Literal["fixed"] = "fixed"
    mean: Seconds

    def __post_init__(self) -> None:
        not_negative("mean", self.mean)

    def sampler(self, random: Random) -> Sampler:
        mean = self.mean
        return lambda: mean

    def scaled(self, factor: float) -> Fixed:
        return replace(self, mean=self.mean * factor)

    def __str__(self) -> str:
        return f"fixed:{self.mean:.12g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Exponential with ``mean`` s (coefficient of variation 1)."""

    kind: Literal["exponential"] = "exponential"
    mean: Seconds

    def __post_init__(self) -> None:
        positive("mean", self.mean)

    def sampler(self, random: Random) -> Sampler:
        draw, mean, log = random.random, self.mean, math.log
        return lambda: -mean * log(1.0 - draw())

    def scaled(self, factor: float) -> Exponential:
        return replace(self, mean=self.mean * factor)

    def __str__(self) -> str:
        return f"exponential:{self.mean:.12g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Log-normal with ``mean`` s and coefficient of variation ``cv``: the usual shape of measured latencies."""

    kind: Literal["lognormal"] = "lognormal"
    mean: Seconds
    cv: Number = 1.0

    def __post_init__(self) -> None:
        positive("mean", self.mean)
        positive("cv", self.cv)

    def sampler(self, random: Random) -> Sampler:
        variance = math.log(1 + self.cv**2)
        mu, sigma = math.log(self.mean) - variance / 2, math.sqrt(variance)
        return lambda: random.lognormvariate(mu, sigma)

    def scaled(self, factor: float) -> LogNormal:
        return replace(self, mean=self.mean * factor)

    def __str__(self) -> str:
        return f"lognormal:{self.mean:.12g}:{self.cv:.12g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Uniform between ``low`` and ``high`` s."""

    kind: Literal["uniform"] = "uniform"
    low: Seconds
    high: Seconds

    def __post_init__(self) -> None:
        not_negative("low", self.low)
        if self.high < self.low:
            raise InvalidValue("high", f"must not be below low ({self.low:g}), not {self.high:g}")

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def sampler(self, random: Random) -> Sampler:
        low, high = self.low, self.high
        return lambda: random.uniform(low, high)

    def scaled(self, factor: float) -> Uniform:
        return replace(self, low=self.low * factor, high=self.high * factor)

    def __str__(self) -> str:
        return f"uniform:{self.low:.12g}:{self.high:.12g}"


Distribution: TypeAlias = Fixed | Exponential | LogNormal | Uniform
