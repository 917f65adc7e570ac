"""What a policy, a guard or a pool costs: µs per successful call on asyncio, next to a bare await and other libraries.

All rows are timed in turn, several rounds in one process, and the best round of each counts.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pybreaker
import stamina
import tenacity
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from rich.console import Console
from rich.table import Table

from stormlab import Pipeline
from stormlab.effects import Strategy
from stormlab.policies import (
    AdaptiveRate,
    AdaptiveThrottle,
    AimdLimit,
    BotocoreBudget,
    BotocoreRetry,
    Bulkhead,
    CallerThrottle,
    CheaperAnswer,
    CircuitBreaker,
    ConcurrencyShed,
    ConsecutiveBreaker,
    Deadline,
    Degrade,
    EnvoyBudget,
    EnvoyThresholds,
    Fallback,
    FinagleBudget,
    GradientLimit,
    GrpcBudget,
    GrpcHedge,
    GrpcRetry,
    Hedge,
    Idempotent,
    Policy,
    Pool,
    PriorityShed,
    QueueShed,
    Retry,
    RetryBreaker,
    RetryBudget,
    RetryRatio,
    Scope,
    Timeout,
    VegasLimit,
)
from stormlab.policies.gate import gated

CALLS, ROUNDS = 1000, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """One of ``replicas`` in turn, as a service's callers choose it."""

    kind: str = "pool"
    replicas: int = 3

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Pool(self.replicas, random=scope.random))


ALONE: list[Policy] = [
    Retry(),
    GrpcRetry(),
    BotocoreRetry(),
    RetryBudget(),
    RetryRatio(),
    FinagleBudget(),
    GrpcBudget(),
    BotocoreBudget(),
    EnvoyBudget(),
    EnvoyThresholds(),
    RetryBreaker(),
    ConsecutiveBreaker(),
    CircuitBreaker(),
    AdaptiveThrottle(),
    AdaptiveRate(),
    Bulkhead(),
    AimdLimit(),
    VegasLimit(),
    GradientLimit(),
    Fallback(),
    CheaperAnswer(),
    Timeout(),
    Deadline(),
    Hedge(),
    GrpcHedge(),
    CallerThrottle(rate=1e9),
    ConcurrencyShed(),
    QueueShed(),
    PriorityShed(),
    Degrade(),
    Idempotent(),
    Pooled(),
]

Call = Callable[[], Awaitable[object]]


async def operation() -> int:
    return 1


async def with_asyncio_timeout() -> int:
    async with asyncio.timeout(1):
        return await operation()


def with_semaphore() -> Call:
    places = asyncio.Semaphore(25)

    async def call() -> int:
        async with places:
            return await operation()

    return call


def with_pybreaker() -> Call:
    """``pybreaker`` guards what is not asynchronous: the call that makes the coroutine counts for the whole."""
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)

    async def call() -> int:
        return await breaker.call(operation)

    return call


def with_limits() -> Call:
    limiter, most = MovingWindowRateLimiter(MemoryStorage()), RateLimitItemPerSecond(10**9)

    async def call() -> int:
        assert await limiter.hit(most, "caller")
        return await operation()

    return call


def rows() -> dict[str, Call]:
    usual: list[Policy] = [Retry(), RetryBudget(), Timeout()]
    pipelines = [Pipeline(policies, seed=1) for policies in ([], *([policy] for policy in ALONE), usual)]
    return {
        "bare await": operation,
        **{str(pipeline): guarded(pipeline) for pipeline in pipelines},
        "asyncio.timeout": with_asyncio_timeout,
        "asyncio.Semaphore (bulkhead)": with_semaphore(),
        "pybreaker (5 in a row)": with_pybreaker(),
        "limits (moving window)": with_limits(),
        "tenacity (3 retries, jitter)": tenacity.retry(
            stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_random_exponential(0.1, max=20)
        )(operation),
        "stamina (3 retries, jitter, limit)": stamina.retry(on=OSError, attempts=4, timeout=1)(operation),
    }


def guarded(pipeline: Pipeline) -> Call:
    return lambda: pipeline.call(operation)


async def seconds_for(call: Call) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return time.perf_counter() - began


def measure(timed: dict[str, Call]) -> dict[str, float]:
    """µs per call, the best of all rounds."""
    best = dict.fromkeys(timed, float("inf"))
    gc.disable()
    for _ in range(ROUNDS):
        for name, call in timed.items():
            best[name] = min(best[name], asyncio.run(seconds_for(call)) / CALLS * 1e6)
    gc.enable()
    return best


def main() -> None:
    costs = measure(rows())
    theirs = costs["tenacity (3 retries, jitter)"]
    table = Table("successful call", "µs", "÷ bare await", "÷ tenacity", title="Cost per call on asyncio")
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.2f}", f"{cost / costs['bare await']:.0f}", f"{cost / theirs:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
