"""Every pattern behaves alike on every driver, cut-off callers included."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stormlab.policies import (
    AdaptiveThrottle,
    AimdLimit,
    BotocoreBudget,
    Bulkhead,
    CallerThrottle,
    CircuitBreaker,
    ConcurrencyShed,
    ConsecutiveBreaker,
    EnvoyBudget,
    Fallback,
    FinagleBudget,
    FullJitter,
    GradientLimit,
    GrpcBudget,
    Hedge,
    Policy,
    Retry,
    RetryBreaker,
    RetryBudget,
    Timeout,
    VegasLimit,
)
from tests.drivers.worlds import Play, Trace, on_asyncio, on_gevent, on_simpy, random_play

RETRY = Retry(max_retries=3, backoff=FullJitter(base=0.05, cap=0.4))
TIMEOUT = Timeout(seconds=0.5)
PIPELINES: dict[str, list[Policy]] = {
    "consecutive-breaker": [RETRY, ConsecutiveBreaker(failures=2, open_seconds=0.5), TIMEOUT],
    "circuit-breaker": [RETRY, CircuitBreaker(window=8, minimum=4, open_seconds=0.4, probes=2), TIMEOUT],
    "hedge": [RETRY, Hedge(delay=0.1, max_hedges=2, budget=0.3, burst=4), TIMEOUT],
    "bulkhead": [RETRY, Bulkhead(limit=3), TIMEOUT],
    "caller-throttle": [RETRY, CallerThrottle(rate=5, burst=3), TIMEOUT],
    "concurrency-shed": [RETRY, ConcurrencyShed(limit=6, reserve=0.5), TIMEOUT],
    "adaptive-throttle": [RETRY, AdaptiveThrottle(window=2), TIMEOUT],
    "aimd-limit": [RETRY, AimdLimit(initial=4, least=1, backoff=0.6, timeout=0.3), TIMEOUT],
    "vegas-limit": [RETRY, VegasLimit(initial=4), TIMEOUT],
    "gradient-limit": [RETRY, GradientLimit(initial=4, least=2), TIMEOUT],
    "finagle-retry-budget": [RETRY, FinagleBudget(min_per_second=0.2), TIMEOUT],
    "grpc-retry-throttle": [RETRY, GrpcBudget(max_tokens=4), TIMEOUT],
    "botocore-retry-quota": [RETRY, BotocoreBudget(capacity=40), TIMEOUT],
    "envoy-retry-budget": [RETRY, EnvoyBudget(min_concurrent=1), TIMEOUT],
    "retry-breaker": [RETRY, RetryBreaker(window=1), TIMEOUT],
    "fallback": [Fallback(max_age=0.5), RETRY, RetryBudget(capacity=2), TIMEOUT],
}


@pytest.mark.parametrize("world", [on_asyncio, on_gevent])
@pytest.mark.parametrize("name", PIPELINES)
def test_twenty_seeds_are_identical(world: Callable[[Play], Trace], name: str) -> None:
    plays = [random_play(lambda: PIPELINES[name], seed, cut=0.4 * (seed % 2)) for seed in range(20)]
    assert [play.seed for play in plays if world(play) != on_simpy(play)] == []


@pytest.mark.parametrize("name", PIPELINES)
def test_the_pattern_makes_a_difference_to_what_is_compared(name: str) -> None:
    without = [policy for policy in PIPELINES[name] if policy.kind != name]
    assert len(without) == len(PIPELINES[name]) - 1
    differs = [
        on_simpy(random_play(lambda: PIPELINES[name], seed)) != on_simpy(random_play(lambda: without, seed))
        for seed in range(20)
    ]
    assert any(differs)
