"""Stop calling a callee that fails, and probe it now and then.

Closed, calls pass and are counted; too many failures open the breaker, and calls are refused without being sent. After
a while it is half-open: a few probes pass, and decide. A breaker saves the time of callers and the work of a callee
that is down; it turns a partial failure (one shard of many) into a total one, since it cannot tell the shards apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, Protocol

from stormlab.effects import Request, Strategy
from stormlab.events import StateChanged
from stormlab.outcome import Outcome, refused
from stormlab.policies.base import Scope
from stormlab.policies.checks import at_least, count, fraction, positive
from stormlab.policies.gate import gated
from stormlab.units import Number, Seconds


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Signal(StrEnum):
    """What moves a breaker from one state to another."""

    FAILING = "too many failures"
    COOLED = "open period over"
    HEALED = "probes succeeded"


#: The whole state machine; what is not in it does not happen.
TRANSITIONS: Mapping[tuple[State, Signal], State] = MappingProxyType(
    {
        (State.CLOSED, Signal.FAILING): State.OPEN,
        (State.OPEN, Signal.COOLED): State.HALF_OPEN,
        (State.HALF_OPEN, Signal.HEALED): State.CLOSED,
        (State.HALF_OPEN, Signal.FAILING): State.OPEN,
    }
)


class Tally(Protocol):
    """Counts the calls of one state."""

    def record(self, *, failed: bool, slow: bool) -> Signal | None:
        """One call more; the signal, when there is reason for one."""
        ...


class Streak:
    """Failing after ``failures`` in a row, healed after ``successes`` in a row (never, for ``None``)."""

    def __init__(self, failures: int, successes: int | None = None) -> None:
        self._failures = failures
        self._successes = successes
        self._failed = self._succeeded = 0

    def record(self, *, failed: bool, slow: bool) -> Signal | None:
        self._failed = self._failed + 1 if failed else 0
        self._succeeded = 0 if failed else self._succeeded + 1
        if self._failed >= self._failures:
            return Signal.FAILING
        return Signal.HEALED if self._succeeded == self._successes else None


class Share:
    """Failing when at least ``ratio`` of the last ``window`` calls failed, or ``slow_ratio`` were slow.

    Nothing is said before ``minimum`` calls; with ``heals``, a share below both ratios is a signal too.
    """

    def __init__(self, window: int, minimum: int, ratio: float, slow_ratio: float, *, heals: bool = False) -> None:
        self._calls: deque[tuple[bool, bool]] = deque(maxlen=window)
        self._minimum = minimum
        self._ratio = ratio
        self._slow_ratio = slow_ratio
        self._heals = heals
        self._failed = self._slow = 0

    def record(self, *, failed: bool, slow: bool) -> Signal | None:
        if len(self._calls) == self._calls.maxlen:
            old_failed, old_slow = self._calls[0]
            self._failed -= old_failed
            self._slow -= old_slow
        self._calls.append((failed, slow))
        self._failed += failed
        self._slow += slow
        calls = len(self._calls)
        if calls < self._minimum:
            return None
        if self._failed / calls >= self._ratio or self._slow / calls >= self._slow_ratio:
            return Signal.FAILING
        return Signal.HEALED if self._heals else None


@dataclass(frozen=True, slots=True)
class Permit:
    """Which period of the breaker a call belongs to, and when it started, in s."""

    period: int
    started: float


class Breaker:
    """The state machine, with a fresh tally for every period; late answers of an earlier period count for nothing.

    Args:
        closed, probing: make the tally of a closed and of a half-open period.
        open_seconds: how long it stays open, in s.
        probes: how many calls pass while it is half-open.
        slow_seconds: a call that takes longer counts as slow.
        moved: is told ``(now, before, after)`` of every change of state.
    """

    def __init__(
        self,
        *,
        closed: Callable[[], Tally],
        probing: Callable[[], Tally],
        open_seconds: float,
        probes: int,
        slow_seconds: float = float("inf"),
        moved: Callable[[float, State, State], None] = lambda now, before, after: None,
    ) -> None:
        self.state = State.CLOSED
        self._make = {State.CLOSED: closed, State.HALF_OPEN: probing, State.OPEN: closed}
        self._open_seconds = open_seconds
        self._probes = probes
        self._slow_seconds = slow_seconds
        self._moved = moved
        self._tally = closed()
        self._period = 0
        self._admitted = 0
        self._opened = 0.0

    def admit(self, now: float, request: Request) -> Permit | None:
        if self.state is State.OPEN and now >= self._opened + self._open_seconds:
            self._move(now, Signal.COOLED)
        if self.state is State.OPEN or (self.state is State.HALF_OPEN and self._admitted >= self._probes):
            return None
        self._admitted += 1
        return Permit(self._period, now)

    def settle(self, now: float, permit: Permit, outcome: Outcome) -> None:
        if permit.period != self._period:
            return
        signal = self._tally.record(failed=outcome.transient, slow=now - permit.started > self._slow_seconds)
        if signal is not None:
            self._move(now, signal)

    def ignore(self, permit: Permit) -> None:
        if permit.period == self._period:
            self._admitted -= 1

    def refusal(self, now: float) -> Outcome:
        left = self._opened + self._open_seconds - now
        return refused("breaker-open", left if self.state is State.OPEN else None)

    def _move(self, now: float, signal: Signal) -> None:
        before, self.state = self.state, TRANSITIONS[self.state, signal]
        self._tally = self._make[self.state]()
        self._period += 1
        self._admitted = 0
        if self.state is State.OPEN:
            self._opened = now
        self._moved(now, before, self.state)


def _announcing(kind: str, scope: Scope) -> Callable[[float, State, State], None]:
    def moved(now: float, before: State, after: State) -> None:
        scope.listener(StateChanged(now, scope.edge, kind, before, after))

    return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsecutiveBreaker:
    """Opens after ``failures`` passing failures in a row, for ``open_seconds``; ``probes`` successes close it again.

    Five in a row is the default of Envoy's outlier detection and of Finagle's failure accrual.
    """

    kind: Literal["consecutive-breaker"] = "consecutive-breaker"
    failures: int = 5
    open_seconds: Seconds = 30.0
    probes: int = 1

    def __post_init__(self) -> None:
        count("failures", self.failures, least=1)
        positive("open_seconds", self.open_seconds)
        count("probes", self.probes, least=1)

    def breaker(self, moved: Callable[[float, State, State], None] = lambda now, before, after: None) -> Breaker:
        return Breaker(
            closed=lambda: Streak(self.failures),
            probing=lambda: Streak(1, self.probes),
            open_seconds=self.open_seconds,
            probes=self.probes,
            moved=moved,
        )

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, self.breaker(_announcing(self.kind, scope)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Opens when at least ``ratio`` of the last ``window`` calls failed, or ``slow_ratio`` took over ``slow_seconds``.

    Half-open, the same ratios judge ``probes`` calls. The defaults are those of resilience4j
    (resilience4j.readme.io/docs/circuitbreaker).
    """

    kind: Literal["circuit-breaker"] = "circuit-breaker"
    ratio: Number = 0.5
    window: int = 100
    minimum: int = 100
    open_seconds: Seconds = 60.0
    probes: int = 10
    slow_ratio: Number = 1.0
    slow_seconds: Seconds = 60.0

    def __post_init__(self) -> None:
        fraction("ratio", self.ratio)
        positive("ratio", self.ratio)
        count("minimum", self.minimum, least=1)
        count("window", self.window, least=1)
        at_least("window", self.window, self.minimum)
        positive("open_seconds", self.open_seconds)
        count("probes", self.probes, least=1)
        fraction("slow_ratio", self.slow_ratio)
        positive("slow_ratio", self.slow_ratio)
        positive("slow_seconds", self.slow_seconds)

    def breaker(self, moved: Callable[[float, State, State], None] = lambda now, before, after: None) -> Breaker:
        return Breaker(
            closed=lambda: Share(self.window, self.minimum, self.ratio, self.slow_ratio),
            probing=lambda: Share(self.probes, self.probes, self.ratio, self.slow_ratio, heals=True),
            open_seconds=self.open_seconds,
            probes=self.probes,
            slow_seconds=self.slow_seconds,
            moved=moved,
        )

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, self.breaker(_announcing(self.kind, scope)))
