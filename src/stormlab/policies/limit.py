"""Find out how many concurrent calls a callee bears, from how its latency answers to them.

Little's law: the right limit is throughput times the latency without queueing. The algorithms follow Netflix
concurrency-limits (github.com/Netflix/concurrency-limits): each takes one sample per call, of its latency, of how many
calls were in flight when it started, and of whether it was dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log10
from typing import Literal, Protocol

from stormlab.effects import Request, Strategy
from stormlab.events import LimitChanged
from stormlab.outcome import Ending, Outcome, refused
from stormlab.policies.base import RandomSource, Scope
from stormlab.policies.checks import at_least, count, fraction, positive
from stormlab.policies.gate import gated
from stormlab.units import Number, Seconds

_FULL = refused("limit")
_DROPPED = frozenset({Ending.OVERLOADED, Ending.TIMEOUT})


class Algorithm(Protocol):
    """Turns samples into a limit."""

    limit: float

    def sample(self, seconds: float, in_flight: int, *, dropped: bool) -> None:
        """One call took ``seconds`` (more than 0) and was one of ``in_flight`` when it started."""
        ...


class Limiter:
    """Admits calls up to the limit of its algorithm; ``changed(now, before, after)`` is told when it moves."""

    def __init__(
        self, algorithm: Algorithm, changed: Callable[[float, int, int], None] = lambda now, before, after: None
    ) -> None:
        self._algorithm = algorithm
        self._changed = changed
        self.in_flight = 0

    @property
    def limit(self) -> int:
        return int(self._algorithm.limit)

    def admit(self, now: float, request: Request) -> tuple[float, int] | None:
        if self.in_flight >= self.limit:
            return None
        self.in_flight += 1
        return now, self.in_flight

    def settle(self, now: float, permit: tuple[float, int], outcome: Outcome) -> None:
        self.in_flight -= 1
        started, in_flight = permit
        dropped = outcome.ending in _DROPPED
        if now <= started or not (outcome.ok or dropped):
            return
        before = self.limit
        self._algorithm.sample(now - started, in_flight, dropped=dropped)
        if self.limit != before:
            self._changed(now, before, self.limit)

    def ignore(self, permit: tuple[float, int]) -> None:
        self.in_flight -= 1

    def refusal(self, now: float) -> Outcome:
        return _FULL


def _limited(inner: Strategy, scope: Scope, kind: str, algorithm: Algorithm) -> Strategy:
    def changed(now: float, before: int, after: int) -> None:
        scope.listener(LimitChanged(now, scope.edge, kind, before, after))

    return gated(inner, Limiter(algorithm, changed))


class Aimd:
    """L + 1 when at least half of L is in use; ×``backoff`` on a drop or after more than ``timeout`` s."""

    def __init__(self, config: AimdLimit) -> None:
        self._config = config
        self.limit: float = config.initial

    def sample(self, seconds: float, in_flight: int, *, dropped: bool) -> None:
        config, limit = self._config, int(self.limit)
        if dropped or seconds > config.timeout:
            limit = int(limit * config.backoff)
        elif 2 * in_flight >= limit:
            limit += 1
        self.limit = min(config.most, max(config.least, limit))


class Vegas:
    """Keeps the queue q = ⌈L(1 - shortest/latency)⌉ between α = 3·lg L and β = 6·lg L (lg: whole, at least 1).

    q ≤ lg L: L + β; q < α: L + lg L; q > β or a drop: L - lg L; no change while less than half of L is in use. The
    shortest latency is measured anew every 30·L samples, times U(0.5, 1).
    """

    PROBES = 30

    def __init__(self, config: VegasLimit, random: RandomSource) -> None:
        self._most = config.most
        self._smoothing = config.smoothing
        self._random = random
        self.limit: float = config.initial
        self._shortest = float("inf")
        self._samples = 0
        self._jitter = random.uniform(0.5, 1)

    def sample(self, seconds: float, in_flight: int, *, dropped: bool) -> None:
        self._samples += 1
        if self._jitter * self.PROBES * self.limit <= self._samples:
            self._jitter = self._random.uniform(0.5, 1)
            self._samples = 0
            self._shortest = seconds
        elif seconds < self._shortest:
            self._shortest = seconds
        elif dropped or 2 * in_flight >= self.limit:
            target = min(self._most, max(1.0, self.limit + self._step(seconds, dropped=dropped)))
            self.limit = (1 - self._smoothing) * self.limit + self._smoothing * target

    def _step(self, seconds: float, *, dropped: bool) -> int:
        queue = ceil(self.limit * (1 - self._shortest / seconds))
        unit = max(1, int(log10(self.limit)))
        if dropped or queue > 6 * unit:
            return -unit
        if queue <= unit:
            return 6 * unit
        return unit if queue < 3 * unit else 0


class Gradient2:
    """L ← (1 - s)L + s(g·L + queue) with g = max(0.5, min(1, tolerance·long/short)).

    *short* is the latest latency and *long* its exponential mean over ``long_window`` samples (a plain mean over the
    first ten), which is lowered by 5 % a sample while it is more than twice *short*. No change while less than half
    of L is in use. Drops count by their latency only.
    """

    WARM_UP = 10

    def __init__(self, config: GradientLimit) -> None:
        self._config = config
        self.limit: float = config.initial
        self._long = self._sum = 0.0
        self._samples = 0

    def sample(self, seconds: float, in_flight: int, *, dropped: bool) -> None:
        config = self._config
        long = self._averaged(seconds)
        if long / seconds > 2:
            self._long *= 0.95
        if in_flight < self.limit / 2:
            return
        gradient = max(0.5, min(1.0, config.tolerance * long / seconds))
        target = self.limit * gradient + config.queue
        smoothed = (1 - config.smoothing) * self.limit + config.smoothing * target
        self.limit = max(config.least, min(config.most, smoothed))

    def _averaged(self, seconds: float) -> float:
        if self._samples < self.WARM_UP:
            self._samples += 1
            self._sum += seconds
            self._long = self._sum / self._samples
        else:
            weight = 2 / (self._config.long_window + 1)
            self._long = (1 - weight) * self._long + weight * seconds
        return self._long


@dataclass(frozen=True, slots=True, kw_only=True)
class AimdLimit:
    """Additive increase, multiplicative decrease, between ``least`` and ``most`` concurrent calls."""

    kind: Literal["aimd-limit"] = "aimd-limit"
    initial: int = 20
    least: int = 20
    most: int = 200
    backoff: Number = 0.9
    timeout: Seconds = 5.0

    def __post_init__(self) -> None:
        _bounds(self.initial, self.least, self.most)
        fraction("backoff", self.backoff)
        positive("timeout", self.timeout)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return _limited(inner, scope, self.kind, Aimd(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class VegasLimit:
    """The limit at which a small queue stands at the callee, judged by its shortest latency; at most ``most`` calls."""

    kind: Literal["vegas-limit"] = "vegas-limit"
    initial: int = 20
    most: int = 1000
    smoothing: Number = 1.0

    def __post_init__(self) -> None:
        _bounds(self.initial, 1, self.most)
        fraction("smoothing", self.smoothing)
        positive("smoothing", self.smoothing)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return _limited(inner, scope, self.kind, Vegas(self, scope.random))


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientLimit:
    """The limit at which latency stays near its own long mean, plus a ``queue``; Netflix's Gradient2."""

    kind: Literal["gradient-limit"] = "gradient-limit"
    initial: int = 20
    least: int = 20
    most: int = 200
    smoothing: Number = 0.2
    queue: int = 4
    long_window: int = 600
    tolerance: Number = 1.5

    def __post_init__(self) -> None:
        _bounds(self.initial, self.least, self.most)
        fraction("smoothing", self.smoothing)
        positive("smoothing", self.smoothing)
        count("queue", self.queue)
        count("long_window", self.long_window, least=Gradient2.WARM_UP)
        at_least("tolerance", self.tolerance, 1)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return _limited(inner, scope, self.kind, Gradient2(self))


def _bounds(initial: int, least: int, most: int) -> None:
    count("least", least, least=1)
    count("initial", initial, least=least)
    count("most", most, least=initial)
