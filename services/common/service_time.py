"""Service-time distributions written as one short word, such as ``exponential:0.1``."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from stormlab.errors import BadInput

Sampler = Callable[[random.Random], float]

FORMS = "fixed:SECONDS, exponential:MEAN, uniform:LOW:HIGH, lognormal:MEAN:CV"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTime:
    """How long an emulated worker is held; ``mean`` and samples are in s, above 0 unless fixed."""

    spec: str
    mean: float
    sample: Sampler

    @classmethod
    def parse(cls, spec: str) -> ServiceTime:
        """Reads one of ``fixed:S``, ``exponential:MEAN``, ``uniform:LOW:HIGH``, ``lognormal:MEAN:CV`` (all in s).

        Raises:
            BadInput: the word is unknown, or a number is missing, superfluous, negative or not finite.
        """
        name, *words = spec.split(":")
        try:
            numbers = [float(word) for word in words]
            positive = all(number > 0 for number in numbers) or (name == "fixed" and numbers == [0])
            if not positive or not all(map(math.isfinite, numbers)):
                raise ValueError("numbers must be finite and above 0")
            mean, sample = _FAMILIES[name](*numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"service time {spec!r} cannot be used ({error}); write one of: {FORMS}") from error
        return cls(spec=spec, mean=mean, sample=sample)


def _fixed(seconds: float) -> tuple[float, Sampler]:
    return seconds, lambda rng: seconds


def _exponential(mean: float) -> tuple[float, Sampler]:
    return mean, lambda rng: rng.expovariate(1.0 / mean)


def _uniform(low: float, high: float) -> tuple[float, Sampler]:
    if low > high:
        raise ValueError("low is above high")
    return (low + high) / 2, lambda rng: rng.uniform(low, high)


def _lognormal(mean: float, cv: float) -> tuple[float, Sampler]:
    """``cv`` is the coefficient of variation: standard deviation over mean."""
    variance = math.log1p(cv * cv)
    location, scale = math.log(mean) - variance / 2, math.sqrt(variance)
    return mean, lambda rng: rng.lognormvariate(location, scale)


_FAMILIES: dict[str, Callable[..., tuple[float, Sampler]]] = {
    "fixed": _fixed,
    "exponential": _exponential,
    "uniform": _uniform,
    "lognormal": _lognormal,
}
