"""Give every caller a rate of its own, so that one who asks too much takes from nobody else.

A token bucket per caller, refilled lazily: nothing runs between two requests. Instead of tokens it keeps the moment at
which the bucket would be full again, one number per caller: a request moves it ahead by 1/rate, and is admitted
when the bucket holds a whole token, that is, when the moment lies at most (burst - 1)/rate ahead. In any window of t
seconds a caller gets at most rate·t + burst requests through (the generic cell rate algorithm, ITU-T I.371).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.outcome import refused
from stormlab.policies.base import Scope
from stormlab.policies.checks import at_least, count, positive
from stormlab.units import Number, PerSecond

THROTTLED = "throttled"
_ROUNDING = 1e-9


class Buckets:
    """One bucket per caller, for the ``callers`` that asked last; who is forgotten starts with a full one again."""

    def __init__(self, *, rate: float, burst: float, callers: int) -> None:
        self._cost = 1 / rate
        self._depth = burst / rate
        self._callers = callers
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, now: float, caller: str) -> float:
        """Take a token of ``caller``: 0 when there was one, otherwise after how many s there will be one."""
        full_at = max(now, self._full_at.get(caller, now)) + self._cost
        wait = full_at - now - self._depth
        if wait > _ROUNDING:
            self._full_at.move_to_end(caller)
            return wait
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > self._callers:
            self._full_at.popitem(last=False)
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerThrottle:
    """``rate`` requests per s for each caller, ``burst`` at once; the ``callers`` seen last are remembered.

    A refusal says after how long the next token is there. What was admitted counts, also when it is cut off later.
    """

    kind: Literal["caller-throttle"] = "caller-throttle"
    rate: PerSecond = 100.0
    burst: Number = 100.0
    callers: int = 10_000

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        at_least("burst", self.burst, 1)
        count("callers", self.callers, least=1)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        buckets = Buckets(rate=self.rate, burst=self.burst, callers=self.callers)

        def throttled(now: float, request: Request) -> Steps:
            wait = buckets.take(now, request.caller)
            if wait > 0:
                return now, refused(THROTTLED, wait)
            return (yield from inner(now, request))

        return throttled
