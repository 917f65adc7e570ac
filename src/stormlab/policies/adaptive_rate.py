"""Send no faster than the callee was last able to bear, and find out by and by how much more it bears.

After a refusal for overload the rate falls to β times the rate that was measured; from there it grows along the cubic
of TCP CUBIC (RFC 9438): w(t) = C·(t - K)³ + w₀ with K = ³√(w₀(1 - β)/C), back to w₀, the rate at which the callee
refused, after K s, flat around it, then faster and faster. The numbers and the rules are those of the adaptive retry
mode of botocore (github.com/boto/botocore, botocore/retries: adaptive.py, throttling.py, bucket.py).
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from math import floor, inf
from typing import Annotated, Literal

from stormlab.effects import Request, Sleep, Steps, Strategy
from stormlab.outcome import SUCCESS, Ending, refused
from stormlab.policies.base import Scope
from stormlab.policies.budget import ROUNDING
from stormlab.policies.checks import at_least, fraction, positive
from stormlab.units import Number, PerSecond, Seconds, Unit


class Meter:
    """The rate of answers per s: counted per ``period`` s, and smoothed."""

    def __init__(self, now: float, period: float, smoothing: float) -> None:
        self._period, self._smoothing = period, smoothing
        self._since = floor(now / period) * period
        self._count = 0
        self.rate = 0.0

    def record(self, now: float) -> float:
        """One answer more; the rate as it is known now."""
        begins = floor(now / self._period) * self._period
        self._count += 1
        if begins > self._since:
            latest = self._count / (begins - self._since)
            self.rate = self._smoothing * latest + (1 - self._smoothing) * self.rate
            self._count, self._since = 0, begins
        return self.rate


class Cubic:
    """The rate that is aimed at, from when and at which rate the callee last refused."""

    def __init__(self, now: float, beta: float, scale: float) -> None:
        self._beta, self._scale = beta, scale
        self._peak, self._refused = 0.0, now

    def refusal(self, now: float, rate: float) -> float:
        self._peak, self._refused = rate, now
        return self._beta * rate

    def growth(self, now: float) -> float:
        flat = (self._peak * (1 - self._beta) / self._scale) ** (1 / 3)
        return float(self._scale * (now - self._refused - flat) ** 3 + self._peak)


class Tokens:
    """A bucket filled at ``rate`` per s that holds a second's worth, at least one."""

    def __init__(self, now: float, least: float) -> None:
        self._least, self._filled = least, now
        self.rate, self.capacity, self.tokens = 1.0, 1.0, 0.0

    def set_rate(self, now: float, rate: float) -> None:
        self.fill(now)
        self.rate, self.capacity = max(rate, self._least), max(rate, 1.0)
        self.tokens = min(self.tokens, self.capacity)

    def fill(self, now: float) -> None:
        self.tokens = min(self.capacity, self.tokens + (now - self._filled) * self.rate)
        self._filled = now

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self.fill(now)
        if self.tokens < 1 - ROUNDING:
            return False
        self.tokens = max(0.0, self.tokens - 1)
        return True


class SendRate:
    """Whose turn it is; everybody's until the callee has refused a call."""

    def __init__(self, config: AdaptiveRate, now: float) -> None:
        self._growth = config.growth
        self._meter = Meter(now, config.period, config.smoothing)
        self._cubic = Cubic(now, config.beta, config.scale)
        self._waiting: list[int] = []
        self._joined = 0
        self.tokens = Tokens(now, config.least)
        self.limited = False

    def take(self, now: float) -> bool:
        """Whether a call may be sent now: nobody waits, and there is a token."""
        return not self.limited or (not self._waiting and self.tokens.take(now))

    def take_turn(self, now: float, place: int) -> bool:
        """Whether it is the turn of ``place``: there are tokens for all who came before, and one more."""
        return self.wait(now, place) <= ROUNDING and self.tokens.take(now)

    def give_back(self) -> None:
        """Nothing was sent after all."""
        if self.limited:
            self.tokens.tokens = min(self.tokens.tokens + 1, self.tokens.capacity)

    def join(self) -> int:
        """A place among those who wait."""
        self._joined += 1
        self._waiting.append(self._joined)
        return self._joined

    def leave(self, place: int) -> None:
        self._waiting.remove(place)

    def wait(self, now: float, place: int) -> float:
        """In how many s there will be a token for ``place``, as long as the rate stays what it is."""
        self.tokens.fill(now)
        return (bisect(self._waiting, place) - self.tokens.tokens) / self.tokens.rate

    def heard(self, now: float, *, overloaded: bool) -> None:
        """An answer came, which moves the rate."""
        measured = self._meter.record(now)
        if overloaded:
            rate = self._cubic.refusal(now, min(measured, self.tokens.rate) if self.limited else measured)
            self.limited = True
        else:
            rate = self._cubic.growth(now)
        self.tokens.set_rate(now, min(rate, self._growth * measured))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveRate:
    """Waits before each call so that the rate stays near what the callee bears; goes inside ``Retry``.

    ``beta`` is what is left of the rate after a refusal, ``scale`` (1/s⁴) how fast it grows again, at most to
    ``growth`` times the rate measured over ``period`` s and smoothed with weight ``smoothing``, at least ``least``. Who
    still waits at its deadline is refused.
    """

    kind: Literal["adaptive-rate"] = "adaptive-rate"
    beta: Number = 0.7
    scale: Annotated[float, Unit("1/s⁴", -4)] = 0.4
    growth: Number = 2.0
    period: Seconds = 0.5
    smoothing: Number = 0.8
    least: PerSecond = 0.5

    def __post_init__(self) -> None:
        for name in ("beta", "smoothing"):
            fraction(name, getattr(self, name))
            positive(name, getattr(self, name))
        positive("scale", self.scale)
        at_least("growth", self.growth, 1)
        positive("period", self.period)
        positive("least", self.least)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        states: list[SendRate] = []

        def paced(now: float, request: Request) -> Steps:
            if not states:
                states.append(SendRate(self, now))
            (rate,) = states
            if not rate.take(now):
                now, taken = yield from self._turn(rate, now, request)
                if not taken.ok:
                    return now, taken
            now, outcome = yield from inner(now, request)
            if outcome.ending is Ending.REFUSED:
                rate.give_back()
            else:
                rate.heard(now, overloaded=outcome.ending is Ending.OVERLOADED)
            return now, outcome

        return paced

    def _turn(self, rate: SendRate, now: float, request: Request) -> Steps:
        """Wait for a token; looks again every period, since the rate moves."""
        until = request.deadline if request.deadline is not None else inf
        place = rate.join()
        try:
            while not rate.take_turn(now, place):
                wait = rate.wait(now, place)
                if now >= until:
                    return now, refused("send-rate", wait)
                now, _ = yield Sleep(min(wait, self.period, until - now))
        finally:
            rate.leave(place)
        return now, SUCCESS
