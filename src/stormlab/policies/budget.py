"""Retry budgets: retries are paid for by successes or by requests, so that a failing callee sees few of them.

A budget that allows a fraction φ of retries bounds the load at (1 + φ) times the demand, however many retries a
single request may make (sre.google/sre-book/handling-overload: 3× without and 1.1× with a ratio of 10 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.outcome import refused
from stormlab.policies.base import Scope
from stormlab.policies.checks import fraction, not_negative, positive
from stormlab.policies.window import SlidingSums
from stormlab.units import Number, PerSecond, Seconds

OVERDRAWN = refused("retry-budget")
ROUNDING = 1e-9  # ten deposits of 0.1 pay for one retry


class TokenBucket:
    """Tokens between 0 and ``capacity``; starts full."""

    __slots__ = ("capacity", "tokens")

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.tokens = capacity

    def deposit(self, amount: float) -> None:
        self.tokens = min(self.capacity, self.tokens + amount)

    def withdraw(self, cost: float = 1.0) -> bool:
        """Take ``cost`` tokens; ``False``, and nothing taken, when there are fewer."""
        left = self.tokens - cost
        if left < -ROUNDING:
            return False
        self.tokens = max(0.0, left)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """A token bucket: every success deposits ``deposit`` tokens, a retry costs one, at most ``capacity`` are kept.

    In the steady state retries are at most ``deposit`` times the successes; ``capacity`` is the burst of retries
    that a healthy history has earned. Paid by ``request``, first tries deposit and not successes, so retries go on
    at ``deposit`` times the demand against a callee that is down. Belongs inside ``Retry``.
    """

    kind: Literal["retry-budget"] = "retry-budget"
    deposit: Number = 0.1
    capacity: Number = 10.0
    paid_by: Literal["success", "request"] = "success"

    def __post_init__(self) -> None:
        fraction("deposit", self.deposit)
        positive("capacity", self.capacity)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        bucket, deposit, by_success = TokenBucket(self.capacity), self.deposit, self.paid_by == "success"

        def budgeted(now: float, request: Request) -> Steps:
            if request.attempt > 1 and not bucket.withdraw():
                return now, OVERDRAWN
            if request.attempt == 1 and not by_success:
                bucket.deposit(deposit)
            now, outcome = yield from inner(now, request)
            if outcome.ok and by_success:
                bucket.deposit(deposit)
            return now, outcome

        return budgeted


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRatio:
    """Retries may be at most ``ratio`` of the first tries of the last ``window`` s, plus ``min_per_second``·window.

    Unlike the token bucket it pays by demand, not by success: it bounds amplification at 1 + ratio but goes on
    retrying at that rate against a callee that is wholly down. Belongs inside ``Retry``.
    """

    kind: Literal["retry-ratio"] = "retry-ratio"
    ratio: Number = 0.1
    window: Seconds = 10.0
    min_per_second: PerSecond = 0.0

    def __post_init__(self) -> None:
        fraction("ratio", self.ratio)
        positive("window", self.window)
        not_negative("min_per_second", self.min_per_second)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        sums = SlidingSums(self.window, columns=2)
        ratio, reserve = self.ratio, self.min_per_second * self.window

        def rationed(now: float, request: Request) -> Steps:
            again = request.attempt > 1
            if again:
                tries, retries = sums.totals(now)
                if retries + 1 > ratio * tries + reserve + ROUNDING:
                    return now, OVERDRAWN
            sums.add(now, again)
            return (yield from inner(now, request))

        return rationed
