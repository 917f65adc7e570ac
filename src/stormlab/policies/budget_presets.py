"""Retry budgets as well-known libraries keep them, rule by rule; each goes inside ``Retry``.

They differ in what earns a retry (a success, a request, time, concurrency) and in what a failing callee sees of it:
gRPC and botocore stop retrying when everything fails, Finagle and Envoy go on at their ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from stormlab.effects import Request, Strategy
from stormlab.outcome import Ending, Outcome, refused
from stormlab.policies.base import Scope
from stormlab.policies.budget import OVERDRAWN, TokenBucket
from stormlab.policies.checks import at_least, count, fraction, not_negative, positive
from stormlab.policies.gate import gated
from stormlab.policies.window import SlidingSums
from stormlab.units import Number, PerSecond, Seconds


class _Budget:
    """A gate that refuses retries only."""

    def refusal(self, now: float) -> Outcome:
        return OVERDRAWN

    def ignore(self, permit: Request) -> None:
        """Cut off: it neither earns nor gives back."""


class LeakyBudget(_Budget):
    """Deposits and withdrawals that are forgotten after ``ttl`` s, on top of a reserve."""

    DEPOSIT = 1000

    def __init__(self, config: FinagleBudget) -> None:
        self._deposit = self.DEPOSIT if config.ratio else 0
        self._cost = int(self.DEPOSIT / config.ratio) if config.ratio else 1
        self._reserve = config.min_per_second * config.ttl * self._cost
        self._sums = SlidingSums(config.ttl, columns=1)

    def balance(self, now: float) -> int:
        """How many retries could be made now."""
        return int((self._sums.totals(now)[0] + self._reserve) // self._cost)

    def admit(self, now: float, request: Request) -> Request | None:
        if request.attempt == 1:
            self._sums.add(now, 0, self._deposit)
        elif self.balance(now) < 1:
            return None
        else:
            self._sums.add(now, 0, -self._cost)
        return request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        """Requests earn, whatever becomes of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinagleBudget:
    """About ``ratio`` retries per request of the last ``ttl`` s, and ``min_per_second`` besides.

    github.com/twitter/finagle, RetryBudget.scala: a request deposits 1000, a retry costs 1000/ratio, both expire.
    """

    kind: Literal["finagle-retry-budget"] = "finagle-retry-budget"
    ttl: Seconds = 10.0
    min_per_second: PerSecond = 10.0
    ratio: Number = 0.2

    def __post_init__(self) -> None:
        positive("ttl", self.ttl)
        not_negative("min_per_second", self.min_per_second)
        not_negative("ratio", self.ratio)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, LeakyBudget(self))


class Throttling(_Budget):
    """A failure takes a token, a success gives ``ratio`` back; retries pass above half of the tokens."""

    def __init__(self, most: float, ratio: float) -> None:
        self.tokens = self._most = most
        self._ratio = ratio

    def admit(self, now: float, request: Request) -> Request | None:
        return None if request.attempt > 1 and self.tokens <= self._most / 2 else request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        if outcome.ok:
            self.tokens = min(self._most, self.tokens + self._ratio)
        elif outcome.transient:
            self.tokens = max(0.0, self.tokens - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcBudget:
    """gRPC's retry throttling (github.com/grpc/proposal, A6): no retries while at most half of the tokens are left."""

    kind: Literal["grpc-retry-throttle"] = "grpc-retry-throttle"
    max_tokens: Number = 10.0
    token_ratio: Number = 0.1

    def __post_init__(self) -> None:
        positive("max_tokens", self.max_tokens)
        positive("token_ratio", self.token_ratio)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Throttling(self.max_tokens, self.token_ratio))


#: What a retry costs, by the failure that called for it.
BOTOCORE_COSTS: Mapping[str, Mapping[Ending, int]] = MappingProxyType(
    {
        "standard": {Ending.ERROR: 5, Ending.OVERLOADED: 5, Ending.TIMEOUT: 10},
        "2026": {Ending.ERROR: 14, Ending.OVERLOADED: 5, Ending.TIMEOUT: 14},
    }
)


class Quota(_Budget):
    """Costs by kind of failure; a retried success gives its cost back, any other success 1."""

    def __init__(self, capacity: float, costs: Mapping[Ending, int]) -> None:
        self.bucket = TokenBucket(capacity)
        self._costs = costs

    def admit(self, now: float, request: Request) -> Request | None:
        return None if request.attempt > 1 and not self.bucket.withdraw(self._cost(request)) else request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        if outcome.ok:
            self.bucket.deposit(self._cost(permit) if permit.attempt > 1 else 1)

    def _cost(self, request: Request) -> int:
        return self._costs[request.after or Ending.ERROR]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotocoreBudget:
    """The retry quota of botocore's standard mode, or its version of 2026 (github.com/boto/botocore, retries)."""

    kind: Literal["botocore-retry-quota"] = "botocore-retry-quota"
    capacity: Number = 500.0
    version: Literal["standard", "2026"] = "standard"

    def __post_init__(self) -> None:
        positive("capacity", self.capacity)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Quota(self.capacity, BOTOCORE_COSTS[self.version]))


class Concurrency(_Budget):
    """Counts attempts in flight, and those among them that are retries."""

    def __init__(self, ratio: float, least: int) -> None:
        self._ratio = ratio
        self._least = least
        self.in_flight = self.retrying = 0

    def admit(self, now: float, request: Request) -> Request | None:
        again = request.attempt > 1
        if again and self.retrying >= max(int(self._ratio * self.in_flight), self._least):
            return None
        self.in_flight += 1
        self.retrying += again
        return request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        self.ignore(permit)

    def ignore(self, permit: Request) -> None:
        self.in_flight -= 1
        self.retrying -= permit.attempt > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyBudget:
    """At most ``ratio`` of the calls in flight may be retries, and ``min_concurrent`` always.

    The retry budget of Envoy's cluster circuit breakers (envoyproxy.io, config.cluster.v3.CircuitBreakers).
    """

    kind: Literal["envoy-retry-budget"] = "envoy-retry-budget"
    ratio: Number = 0.2
    min_concurrent: int = 3

    def __post_init__(self) -> None:
        fraction("ratio", self.ratio)
        count("min_concurrent", self.min_concurrent)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Concurrency(self.ratio, self.min_concurrent))


class FailureShare(_Budget):
    """Calls and passing failures over a window."""

    def __init__(self, ratio: float, window: float, minimum: int) -> None:
        self._ratio = ratio
        self._minimum = minimum
        self._sums = SlidingSums(window, columns=2)

    def admit(self, now: float, request: Request) -> Request | None:
        calls, failures = self._sums.totals(now)
        tripped = calls >= self._minimum and failures > self._ratio * calls
        return None if request.attempt > 1 and tripped else request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        self._sums.add(now, 0)
        self._sums.add(now, 1, outcome.transient)

    def refusal(self, now: float) -> Outcome:
        return _TRIPPED


_TRIPPED = refused("retry-breaker")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBreaker:
    """No retries while more than ``ratio`` of the calls of the last ``window`` s failed, once there were ``minimum``.

    First tries go on. brooker.co.za/blog/2022/02/28/retries.html, where the window is all of the past.
    """

    kind: Literal["retry-breaker"] = "retry-breaker"
    ratio: Number = 0.1
    window: Seconds = 10.0
    minimum: int = 1

    def __post_init__(self) -> None:
        fraction("ratio", self.ratio)
        positive("window", self.window)
        at_least("minimum", self.minimum, 1)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, FailureShare(self.ratio, self.window, self.minimum))
