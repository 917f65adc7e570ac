"""At most so many calls at once, so that one slow callee cannot use up all that its caller has.

By Little's law a limit of L lets L/W calls per second through when each takes W s: when the callee becomes ten times
slower, what reaches it falls to a tenth, and the rest is refused instead of piling up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Strategy
from stormlab.outcome import Outcome, refused
from stormlab.policies.base import Scope
from stormlab.policies.checks import count
from stormlab.policies.gate import gated

_FULL = refused("bulkhead-full")


class Compartment:
    """Counts who is inside."""

    __slots__ = ("inside", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inside = 0

    def admit(self, now: float, request: Request) -> bool | None:
        if self.inside >= self.limit:
            return None
        self.inside += 1
        return True

    def settle(self, now: float, permit: object, outcome: Outcome) -> None:
        self.inside -= 1

    def ignore(self, permit: object) -> None:
        self.inside -= 1

    def refusal(self, now: float) -> Outcome:
        return _FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulkhead:
    """At most ``limit`` calls at once; more are refused at once. 25 is the default of resilience4j."""

    kind: Literal["bulkhead"] = "bulkhead"
    limit: int = 25

    def __post_init__(self) -> None:
        count("limit", self.limit, least=1)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Compartment(self.limit))


_RETRIES = refused("retry-budget")


class Thresholds:
    """Counts who is inside, and who of them is trying again."""

    __slots__ = ("inside", "requests", "retries", "retrying")

    def __init__(self, requests: int, retries: int) -> None:
        self.requests, self.retries = requests, retries
        self.inside = self.retrying = 0

    def admit(self, now: float, request: Request) -> Request | None:
        if self.inside >= self.requests or (request.attempt > 1 and self.retrying >= self.retries):
            return None
        self.inside += 1
        self.retrying += request.attempt > 1
        return request

    def settle(self, now: float, permit: Request, outcome: Outcome) -> None:
        self.ignore(permit)

    def ignore(self, permit: Request) -> None:
        self.inside -= 1
        self.retrying -= permit.attempt > 1

    def refusal(self, now: float) -> Outcome:
        return _FULL if self.inside >= self.requests else _RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyThresholds:
    """At most ``max_requests`` calls at once, ``max_retries`` of them retries: Envoy's circuit breakers by default.

    Its limits on connections and on requests that wait for one (1024 each) have no meaning here: nothing waits for a
    connection (envoyproxy.io, config.cluster.v3.CircuitBreakers.Thresholds). Goes inside ``Retry``.
    """

    kind: Literal["envoy-thresholds"] = "envoy-thresholds"
    max_requests: int = 1024
    max_retries: int = 3

    def __post_init__(self) -> None:
        count("max_requests", self.max_requests, least=1)
        count("max_retries", self.max_retries)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Thresholds(self.max_requests, self.max_retries))
