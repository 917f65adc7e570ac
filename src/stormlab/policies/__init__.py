"""Resilience patterns, one file each: no clock, no randomness, no I/O of their own."""

from stormlab.policies.backoff import (
    BookJitter,
    Decorrelated,
    EqualJitter,
    Exponential,
    Fixed,
    FullJitter,
    NoBackoff,
)
from stormlab.policies.base import Policy, Scope, compose, describe
from stormlab.policies.breaker import CircuitBreaker, ConsecutiveBreaker
from stormlab.policies.budget import RetryBudget, RetryRatio
from stormlab.policies.budget_presets import BotocoreBudget, EnvoyBudget, FinagleBudget, GrpcBudget, RetryBreaker
from stormlab.policies.bulkhead import Bulkhead
from stormlab.policies.fallback import Fallback
from stormlab.policies.hedge import Hedge
from stormlab.policies.limit import AimdLimit, GradientLimit, VegasLimit
from stormlab.policies.retry import Retry
from stormlab.policies.throttle import AdaptiveThrottle
from stormlab.policies.timeout import Deadline, Timeout

__all__ = [
    "AdaptiveThrottle",
    "AimdLimit",
    "BookJitter",
    "BotocoreBudget",
    "Bulkhead",
    "CircuitBreaker",
    "ConsecutiveBreaker",
    "Deadline",
    "Decorrelated",
    "EnvoyBudget",
    "EqualJitter",
    "Exponential",
    "Fallback",
    "FinagleBudget",
    "Fixed",
    "FullJitter",
    "GradientLimit",
    "GrpcBudget",
    "Hedge",
    "NoBackoff",
    "Policy",
    "Retry",
    "RetryBreaker",
    "RetryBudget",
    "RetryRatio",
    "Scope",
    "Timeout",
    "VegasLimit",
    "compose",
    "describe",
]
