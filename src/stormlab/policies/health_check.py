"""Ask replicas now and then whether they are well, and route around those that are not.

A *shallow* check asks whether the process answers; a *deep* one whether what it depends on does. A deep check makes
all replicas look unhealthy at once when a shared dependency is slow; with **fail open** the answer of a check that
condemns too many is not believed (Envoy's panic threshold: below 50 % healthy, traffic goes to all).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from types import MappingProxyType
from typing import ClassVar, Literal

from stormlab.policies.checks import count, fraction, positive
from stormlab.units import Number, Seconds


class Condition(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Signal(StrEnum):
    FAILING = "checks failed in a row"
    PASSING = "checks passed in a row"


#: The whole state machine of one replica.
TRANSITIONS: Mapping[tuple[Condition, Signal], Condition] = MappingProxyType(
    {
        (Condition.HEALTHY, Signal.FAILING): Condition.UNHEALTHY,
        (Condition.UNHEALTHY, Signal.PASSING): Condition.HEALTHY,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Every ``interval`` s each replica is asked; ``failures`` bad answers in a row make it unhealthy, ``successes``
    good ones healthy again. No answer within ``timeout`` s is a bad one. At most the share ``max_removed`` of the
    replicas becomes unhealthy within ``removal_window`` s, but one always may: it bounds the harm of wrong checks.

    The defaults are those of a readiness probe of Kubernetes (kubernetes.io, Probe v1 core).
    """

    kind: ClassVar[str] = "health-check"
    depth: Literal["shallow", "deep"] = "shallow"
    interval: Seconds = 10.0
    timeout: Seconds = 1.0
    failures: int = 3
    successes: int = 1
    max_removed: Number = 1.0
    removal_window: Seconds = 60.0

    def __post_init__(self) -> None:
        positive("interval", self.interval)
        positive("timeout", self.timeout)
        count("failures", self.failures, least=1)
        count("successes", self.successes, least=1)
        fraction("max_removed", self.max_removed)
        positive("removal_window", self.removal_window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panic:
    """What happens when less than ``threshold`` of the replicas look healthy: all get traffic (``fail-open``), or
    nothing is sent (``fail-closed``). Envoy's panic threshold is 50 %; 0 never panics.
    """

    kind: ClassVar[str] = "panic"
    threshold: Number = 0.5
    action: Literal["fail-open", "fail-closed"] = "fail-open"

    def __post_init__(self) -> None:
        fraction("threshold", self.threshold)


class Checker:
    """Counts the answers of ``size`` replicas; ``moved`` is told ``(now, replica, before, after)``."""

    def __init__(
        self,
        config: HealthCheck,
        size: int,
        moved: Callable[[float, int, Condition, Condition], None] = lambda now, replica, before, after: None,
    ) -> None:
        self._needed = {Condition.HEALTHY: config.failures, Condition.UNHEALTHY: config.successes}
        self._moved = moved
        self._most = max(1, int(config.max_removed * size)) if config.max_removed < 1 else inf
        self._window = config.removal_window
        self._removals: deque[float] = deque()
        self._states = [Condition.HEALTHY] * size
        self._against = [0] * size
        self.unhealthy: frozenset[int] = frozenset()

    def record(self, now: float, replica: int, *, ok: bool) -> None:
        """``replica`` was asked: ``ok`` says whether the answer was good and in time."""
        state = self._states[replica]
        contradicts = ok is (state is Condition.UNHEALTHY)
        self._against[replica] = self._against[replica] + 1 if contradicts else 0
        if self._against[replica] >= self._needed[state] and (ok or self._may_remove(now)):
            self._move(now, replica, Signal.PASSING if ok else Signal.FAILING)

    def _may_remove(self, now: float) -> bool:
        """Whether one more may become unhealthy now; if so it is taken to."""
        removals = self._removals
        while removals and removals[0] <= now - self._window:
            removals.popleft()
        if len(removals) >= self._most:
            return False
        removals.append(now)
        return True

    def _move(self, now: float, replica: int, signal: Signal) -> None:
        before = self._states[replica]
        after = self._states[replica] = TRANSITIONS[before, signal]
        self._against[replica] = 0
        self.unhealthy ^= {replica}
        self._moved(now, replica, before, after)
