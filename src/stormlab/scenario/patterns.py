"""The patterns that a scenario, or the settings of a service, may name: those of callers, and those at the door."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

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
    PriorityShed,
    QueueShed,
    Retry,
    RetryBreaker,
    RetryBudget,
    RetryRatio,
    Timeout,
    VegasLimit,
)

#: The policies a scenario may name. A new pattern adds itself here.
PolicySpec: TypeAlias = Annotated[
    AdaptiveRate
    | AdaptiveThrottle
    | AimdLimit
    | BotocoreBudget
    | BotocoreRetry
    | Bulkhead
    | CallerThrottle
    | CheaperAnswer
    | CircuitBreaker
    | ConsecutiveBreaker
    | Deadline
    | EnvoyBudget
    | EnvoyThresholds
    | Fallback
    | FinagleBudget
    | GradientLimit
    | GrpcBudget
    | GrpcHedge
    | GrpcRetry
    | Hedge
    | Retry
    | RetryBreaker
    | RetryBudget
    | RetryRatio
    | Timeout
    | VegasLimit,
    Field(discriminator="kind"),
]

#: What may stand at the door of a service. A pattern that guards a server adds itself here.
GuardSpec: TypeAlias = Annotated[
    AimdLimit
    | Bulkhead
    | CallerThrottle
    | ConcurrencyShed
    | Degrade
    | GradientLimit
    | Idempotent
    | PriorityShed
    | QueueShed
    | VegasLimit,
    Field(discriminator="kind"),
]
