"""Refuse work at a server's door that would only be finished too late, the least important first.

A server that accepts more than it can do answers everybody late; one that refuses the excess at once answers the rest
in time (sre.google/sre-book/addressing-cascading-failures). Signals: how many requests are inside, how many wait, or
how long those that got a worker had to wait for it.

Priorities: p may fill limit·(1 - reserve)^p, so that each step down leaves ``reserve`` of what is left to those above;
Stripe keeps 20 % for critical requests (stripe.com/blog/rate-limiters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Strategy
from stormlab.outcome import Outcome, refused
from stormlab.policies.base import Load, Scope
from stormlab.policies.checks import count, fraction, not_negative, positive
from stormlab.policies.gate import gated
from stormlab.units import Number, Seconds


def share(limit: int, reserve: float, priority: int) -> float:
    """What requests of ``priority`` may fill of ``limit``: never less than 1."""
    return max(1.0, limit * (1 - reserve) ** priority)


class Occupancy:
    """Counts who is inside, waiting or being served."""

    def __init__(self, limit: int, reserve: float, retry_after: float) -> None:
        self._limit, self._reserve = limit, reserve
        self._full = refused("shed-concurrency", retry_after)
        self.inside = 0

    def admit(self, now: float, request: Request) -> bool | None:
        if self.inside + 1 > share(self._limit, self._reserve, request.priority):
            return None
        self.inside += 1
        return True

    def settle(self, now: float, permit: object, outcome: Outcome) -> None:
        self.inside -= 1

    def ignore(self, permit: object) -> None:
        self.inside -= 1

    def refusal(self, now: float) -> Outcome:
        return self._full


class Depth:
    """Looks at how many wait."""

    def __init__(self, limit: int, reserve: float, retry_after: float, load: Load) -> None:
        self._limit, self._reserve = limit, reserve
        self._load = load
        self._full = refused("shed-queue", retry_after)

    def admit(self, now: float, request: Request) -> bool | None:
        return True if self._load.waiting < share(self._limit, self._reserve, request.priority) else None

    def settle(self, now: float, permit: object, outcome: Outcome) -> None:
        """The queue is the server's to count."""

    def ignore(self, permit: object) -> None:
        """The queue is the server's to count."""

    def refusal(self, now: float) -> Outcome:
        return self._full


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyShed:
    """At most ``limit`` requests inside; of priority p, at most limit·(1 - ``reserve``)^p.

    Refusals ask the caller to come back after ``retry_after`` s.
    """

    kind: Literal["concurrency-shed"] = "concurrency-shed"
    limit: int = 100
    reserve: Number = 0.0
    retry_after: Seconds = 1.0

    def __post_init__(self) -> None:
        _check(self.limit, self.reserve, self.retry_after)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Occupancy(self.limit, self.reserve, self.retry_after))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueShed:
    """Nobody more while ``limit`` requests wait for a worker; of priority p, while limit·(1 - ``reserve``)^p wait.

    Sees the queue of the server that it guards; where there is none it admits everybody.
    """

    kind: Literal["queue-shed"] = "queue-shed"
    limit: int = 100
    reserve: Number = 0.0
    retry_after: Seconds = 1.0

    def __post_init__(self) -> None:
        _check(self.limit, self.reserve, self.retry_after)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Depth(self.limit, self.reserve, self.retry_after, scope.load))


class Levels:
    """Which (priority, user) levels are admitted, moved once per window by what requests had to wait in it.

    The level of a request is priority·128 + user, where user is drawn from the caller's name and the hour, so that
    nobody is shed for ever. Lower levels are more important; those up to ``cursor`` are admitted.
    """

    USERS = 128
    MOST = 1 << 30

    def __init__(self, config: PriorityShed, load: Load) -> None:
        self._config, self._load = config, load
        self._refusal = refused("shed-priority", config.retry_after)
        self._ends = float("-inf")
        self._begun, self._waited = 0, 0.0
        self._arrived: dict[int, int] = {}
        self.cursor = self.MOST

    def level(self, now: float, request: Request) -> int:
        return request.priority * self.USERS + _spread(f"{request.caller}:{int(now // 3600)}") % self.USERS

    def admit(self, now: float, request: Request) -> bool | None:
        if now >= self._ends or sum(self._arrived.values()) >= self._config.requests:
            self._judge(now)
        level = self.level(now, request)
        self._arrived[level] = self._arrived.get(level, 0) + 1
        return True if level <= self.cursor else None

    def settle(self, now: float, permit: object, outcome: Outcome) -> None:
        """The waits are the server's to count."""

    def ignore(self, permit: object) -> None:
        """The waits are the server's to count."""

    def refusal(self, now: float) -> Outcome:
        return self._refusal

    def _judge(self, now: float) -> None:
        """End the window: fewer levels if requests waited too long in it, more if they did not."""
        config, load = self._config, self._load
        begun, waited = load.begun - self._begun, load.waited - self._waited
        if self._arrived:
            overloaded = begun > 0 and waited / begun > config.threshold
            self.cursor = self._lowered() if overloaded else self._raised()
        self._begun, self._waited = load.begun, load.waited
        self._arrived = {}
        self._ends = now + config.window

    def _admitted(self) -> int:
        return sum(number for level, number in self._arrived.items() if level <= self.cursor)

    def _lowered(self) -> int:
        """The highest level at which at least α less than now would have been admitted, but never nobody."""
        left = self._admitted()
        most = left * (1 - self._config.decrease)
        levels = sorted(level for level in self._arrived if level <= self.cursor)
        while len(levels) > 1 and left > most:
            left -= self._arrived[levels.pop()]
        return levels[-1] if levels else self.cursor

    def _raised(self) -> int:
        """The lowest level at which at least β more than now would have been admitted; all when there are no more."""
        reached = self._admitted()
        least = reached + max(1.0, reached * self._config.increase)
        for level in sorted(level for level in self._arrived if level > self.cursor):
            reached += self._arrived[level]
            if reached >= least:
                return level
        return self.MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityShed:
    """Admits the more important levels only, while requests wait longer than ``threshold`` s for a worker on average.

    Judged every ``window`` s or ``requests`` requests: too long, and the admitted levels shrink by ``decrease`` of the
    requests; else they grow by ``increase``. Levels are (priority, user) as in DAGOR of WeChat.
    """

    kind: Literal["priority-shed"] = "priority-shed"
    threshold: Seconds = 0.02
    window: Seconds = 1.0
    requests: int = 2000
    decrease: Number = 0.05
    increase: Number = 0.01
    retry_after: Seconds = 1.0

    def __post_init__(self) -> None:
        positive("threshold", self.threshold)
        positive("window", self.window)
        count("requests", self.requests, least=1)
        fraction("decrease", self.decrease)
        fraction("increase", self.increase)
        not_negative("retry_after", self.retry_after)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return gated(inner, Levels(self, scope.load))


def _spread(text: str) -> int:
    """FNV-1a of 32 bits: the same in every process and every run."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


def _check(limit: int, reserve: float, retry_after: float) -> None:
    count("limit", limit, least=1)
    fraction("reserve", reserve)
    not_negative("retry_after", retry_after)
