"""Retries and hedges as gRPC and botocore make them, rule by rule: attempts, waits, and what the callee may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Strategy
from stormlab.outcome import Ending, Outcome
from stormlab.policies.backoff import ceilings
from stormlab.policies.base import RandomSource, Scope
from stormlab.policies.budget import TokenBucket
from stormlab.policies.checks import at_least, count, positive
from stormlab.policies.hedge import hedging
from stormlab.policies.retry import Waits, retrying
from stormlab.units import Number, Seconds

#: More attempts than this are not made, whatever a service configuration asks for (grpc/proposal, A6).
GRPC_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcRetry:
    """gRPC's retry policy: the n-th retry after U(0, min(``initial``·``multiplier``^(n-1), ``cap``)) s.

    ``max_attempts`` counts the first try and is taken as 5 when it is more. A callee's pushback (``retry_after``) takes
    the place of the wait, and the retry after it starts from ``initial`` again; a negative one forbids the retry
    (github.com/grpc/proposal, A6-client-retries).
    """

    kind: Literal["grpc-retry"] = "grpc-retry"
    max_attempts: int = 4
    initial: Seconds = 0.1
    cap: Seconds = 1.0
    multiplier: Number = 2.0

    def __post_init__(self) -> None:
        count("max_attempts", self.max_attempts, least=2)
        positive("initial", self.initial)
        positive("cap", self.cap)
        positive("multiplier", self.multiplier)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return retrying(inner, scope, min(self.max_attempts, GRPC_ATTEMPTS) - 1, lambda: self._waits(scope.random))

    def _waits(self, random: RandomSource) -> Waits:
        retries = 0

        def wait(outcome: Outcome) -> float:
            nonlocal retries
            if outcome.retry_after is not None:
                retries = 0
                return outcome.retry_after
            retries += 1
            return random.random() * min(self.initial * self.multiplier ** (retries - 1), self.cap)

        return wait


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcHedge:
    """gRPC's hedging policy: a further copy every ``delay`` s, ``max_attempts`` in all, taken as 5 when it is more.

    A passing failure sends the next copy at once, or after the callee's pushback; any other failure, and a success, is
    the answer and cancels the rest. ``GrpcBudget`` further in throttles copies as it does retries
    (github.com/grpc/proposal, A6-client-retries).
    """

    kind: Literal["grpc-hedge"] = "grpc-hedge"
    max_attempts: int = 4
    delay: Seconds = 0.5

    def __post_init__(self) -> None:
        count("max_attempts", self.max_attempts, least=2)
        positive("delay", self.delay)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        further = min(self.max_attempts, GRPC_ATTEMPTS) - 1
        return hedging(inner, scope, delay=self.delay, max_hedges=further, bucket=TokenBucket(float("inf")))


#: Lengthening beyond this many s is not granted to x-amz-retry-after.
BOTOCORE_PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BotocoreRetry:
    """Retries of botocore's standard mode, or of its version of 2026 (github.com/boto/botocore, retries/standard.py).

    ``standard``: the i-th retry after min(U(0, 1)·2^(i-1), ``cap``) s, whatever the callee asks for. ``2026``: after
    U(0, 1)·min(b·2^(i-1), ``cap``), where b is ``base``, or 1 s when the callee was overloaded; ``retry_after``
    lengthens that by at most 5 s. For DynamoDB it takes 4 attempts and a base of 0.025 s.
    """

    kind: Literal["botocore-retry"] = "botocore-retry"
    version: Literal["standard", "2026"] = "standard"
    max_attempts: int = 3
    base: Seconds = 0.05
    cap: Seconds = 20.0

    def __post_init__(self) -> None:
        count("max_attempts", self.max_attempts, least=1)
        positive("base", self.base)
        at_least("cap", self.cap, self.base)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        make = self._old if self.version == "standard" else self._new
        return retrying(inner, scope, self.max_attempts - 1, lambda: make(scope.random))

    def _old(self, random: RandomSource) -> Waits:
        grown = ceilings(1.0, float("inf"))
        return lambda outcome: min(random.random() * next(grown), self.cap)

    def _new(self, random: RandomSource) -> Waits:
        usual, overloaded = ceilings(self.base, self.cap), ceilings(min(1.0, self.cap), self.cap)

        def wait(outcome: Outcome) -> float:
            short, long = next(usual), next(overloaded)
            drawn = random.random() * (long if outcome.ending is Ending.OVERLOADED else short)
            return max(drawn, min(outcome.retry_after or 0.0, drawn + BOTOCORE_PATIENCE))

        return wait
