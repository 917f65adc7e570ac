"""Try again after a failure that may pass.

With N retries and independent failures of probability f, a call succeeds with 1 - f^(N+1) and costs
(1 - f^(N+1))/(1 - f) attempts; when every attempt fails it costs N+1, which is what keeps a retry storm alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stormlab.effects import Request, Sleep, Steps, Strategy
from stormlab.events import RetryScheduled, RetrySuppressed
from stormlab.outcome import Ending, Outcome
from stormlab.policies.backoff import (
    BookJitter,
    Decorrelated,
    EqualJitter,
    Exponential,
    Fixed,
    FullJitter,
    NoBackoff,
)
from stormlab.policies.base import Scope
from stormlab.policies.checks import count

AnyBackoff: TypeAlias = NoBackoff | Fixed | Exponential | FullJitter | EqualJitter | Decorrelated | BookJitter

#: In s, after a failure of one request: each call gives the wait before its next try.
Waits: TypeAlias = Callable[[Outcome], float]


def retrying(inner: Strategy, scope: Scope, further: int, waits: Callable[[], Waits]) -> Strategy:
    """``inner``, tried up to ``further`` times more after transient failures.

    No retry is made that could only start after the request's deadline, or after a callee asked for none by a
    negative ``retry_after``. When a policy further in refuses a retry, the failure that called for it is the answer.
    """
    listener, edge = scope.listener, scope.edge

    def strategy(now: float, request: Request) -> Steps:
        now, outcome = yield from inner(now, request)
        if not outcome.transient or not further:
            return now, outcome
        wait = waits()
        for attempt in range(request.attempt + 1, request.attempt + further + 1):
            if outcome.retry_after is not None and outcome.retry_after < 0:
                listener(RetrySuppressed(now, edge, attempt, "pushback"))
                break
            delay = wait(outcome)
            if request.deadline is not None and now + delay >= request.deadline:
                listener(RetrySuppressed(now, edge, attempt, "deadline"))
                break
            listener(RetryScheduled(now, edge, attempt, delay))
            if delay > 0:
                now, _ = yield Sleep(delay)
            now, latest = yield from inner(now, request.again(attempt, outcome.ending))
            if latest.ending is Ending.REFUSED:
                listener(RetrySuppressed(now, edge, attempt, latest.reason))
                break
            outcome = latest
            if not outcome.transient:
                break
        return now, outcome

    return strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Up to ``max_retries`` further tries (0 or more) after a transient failure, spaced by ``backoff``.

    A ``retry_after`` asked for by the callee lengthens the wait, a negative one forbids the retry. No retry is made
    that could only start after the request's deadline. When a policy further in refuses a retry, the failure that
    called for it is the answer.
    """

    kind: Literal["retry"] = "retry"
    max_retries: int = 3
    backoff: AnyBackoff = field(default_factory=FullJitter, metadata={"discriminator": "kind"})

    def __post_init__(self) -> None:
        count("max_retries", self.max_retries)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        def waits() -> Waits:
            delays = self.backoff.delays(scope.random)
            return lambda outcome: max(next(delays), outcome.retry_after or 0.0)

        return retrying(inner, scope, self.max_retries, waits)
