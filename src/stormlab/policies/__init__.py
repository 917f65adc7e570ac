"""Resilience patterns, one file each: no clock, no randomness, no I/O of their own."""

from stormlab.policies.adaptive_rate import AdaptiveRate
from stormlab.policies.backoff import (
    BookJitter,
    Decorrelated,
    EqualJitter,
    Exponential,
    Fixed,
    FullJitter,
    NoBackoff,
)
from stormlab.policies.base import Load, Policy, Scope, compose, describe
from stormlab.policies.breaker import CircuitBreaker, ConsecutiveBreaker
from stormlab.policies.budget import RetryBudget, RetryRatio
from stormlab.policies.budget_presets import BotocoreBudget, EnvoyBudget, FinagleBudget, GrpcBudget, RetryBreaker
from stormlab.policies.bulkhead import Bulkhead, EnvoyThresholds
from stormlab.policies.caller_throttle import CallerThrottle
from stormlab.policies.cheaper import CheaperAnswer
from stormlab.policies.degrade import Degrade
from stormlab.policies.fallback import Fallback
from stormlab.policies.health_check import HealthCheck, Panic
from stormlab.policies.hedge import Hedge
from stormlab.policies.idempotency import Idempotent
from stormlab.policies.limit import AimdLimit, GradientLimit, VegasLimit
from stormlab.policies.outlier import OutlierEjection
from stormlab.policies.pool import Pool
from stormlab.policies.retry import Retry
from stormlab.policies.retry_presets import BotocoreRetry, GrpcHedge, GrpcRetry
from stormlab.policies.shed import ConcurrencyShed, PriorityShed, QueueShed
from stormlab.policies.throttle import AdaptiveThrottle
from stormlab.policies.timeout import Deadline, Timeout

__all__ = [
    "AdaptiveRate",
    "AdaptiveThrottle",
    "AimdLimit",
    "BookJitter",
    "BotocoreBudget",
    "BotocoreRetry",
    "Bulkhead",
    "CallerThrottle",
    "CheaperAnswer",
    "CircuitBreaker",
    "ConcurrencyShed",
    "ConsecutiveBreaker",
    "Deadline",
    "Decorrelated",
    "Degrade",
    "EnvoyBudget",
    "EnvoyThresholds",
    "EqualJitter",
    "Exponential",
    "Fallback",
    "FinagleBudget",
    "Fixed",
    "FullJitter",
    "GradientLimit",
    "GrpcBudget",
    "GrpcHedge",
    "GrpcRetry",
    "HealthCheck",
    "Hedge",
    "Idempotent",
    "Load",
    "NoBackoff",
    "OutlierEjection",
    "Panic",
    "Policy",
    "Pool",
    "PriorityShed",
    "QueueShed",
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
