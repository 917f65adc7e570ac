"""Refuse calls on the caller's side, with the probability that the callee would not have accepted them.

p = max(0, (requests - K·accepts)/(requests + 1)) over a window (sre.google/sre-book/handling-overload). With demand D
above K times the capacity C the callee receives K·C and refuses (K-1)·C of it; p settles at 1 - K·C/D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Strategy
from stormlab.outcome import Outcome, refused
from stormlab.policies.base import RandomSource, Scope
from stormlab.policies.checks import at_least, positive
from stormlab.policies.gate import gated
from stormlab.policies.window import SlidingSums
from stormlab.units import Number, Seconds

_THROTTLED = refused("throttled")
_REQUESTS, _ACCEPTS = range(2)


class Throttle:
    """Counts requests, those refused here included, and those that the callee accepted."""

    def __init__(self, factor: float, window: float, random: RandomSource) -> None:
        self._factor = factor
        self._sums = SlidingSums(window, columns=2)
        self._random = random

    def probability(self, now: float) -> float:
        """Of refusing the next call."""
        requests, accepts = self._sums.totals(now)
        return max(0.0, (requests - self._factor * accepts) / (requests + 1))

    def admit(self, now: float, request: Request) -> float | None:
        probability = self.probability(now)
        self._sums.add(now, _REQUESTS)
        return None if probability > 0 and self._random.random() < probability else now

    def settle(self, now: float, permit: float, outcome: Outcome) -> None:
        if not outcome.transient:
            self._sums.add(now, _ACCEPTS)

    def ignore(self, permit: float) -> None:
        self._sums.add(permit, _REQUESTS, -1)

    def refusal(self, now: float) -> Outcome:
        return _THROTTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveThrottle:
    """The client-side throttle of the SRE book: K is ``factor``, counted over ``window`` s.

    An answer counts as accepted unless it is a failure that may pass; K = 2 lets the callee see twice what it accepts,
    K = 1.1 saves it more and learns of its recovery later.
    """

    kind: Literal["adaptive-throttle"] = "adaptive-throttle"
    factor: Number = 2.0
    window: Seconds = 120.0

    def __post_init__(self) -> None:
        at_least("factor", self.factor, 1)
        positive("window", self.window)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Throttle(self.factor, self.window, scope.random))
