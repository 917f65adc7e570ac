"""The throttle per caller against the rate limiters of ``limits``, on one clock.

What is the same: ``limits`` has no token bucket, but with a burst of one a bucket lets a call through once 1/rate s
have passed since the last one it let through, and so does a moving window of 1/rate s that holds one call. The answers
must be equal, call by call, except at the very edge, where the bucket says yes and the window no; random gaps
avoid it.

What is not: with n calls per window a bucket of n tokens refills while the window moves on. It admits its burst and
its rate, up to 2n calls in one window, where a moving window admits n, and a fixed one 2n around its edge. There only
these bounds can be compared, and the long-run rate of a caller who always asks.
"""

from __future__ import annotations

import threading
from random import Random
from types import SimpleNamespace

import pytest
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from stormlab.policies.caller_throttle import Buckets

AMOUNT = 10
STRATEGIES = [MovingWindowRateLimiter, FixedWindowRateLimiter]


class Clock:
    """Stands in for the module ``time`` in ``limits``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


class NoTimer:
    """Stands in for the thread by which ``limits`` forgets, in real time, what counts for nothing any more."""

    def __init__(self, *_: object) -> None: ...

    def start(self) -> None: ...

    def is_alive(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("limits.storage.memory.time", clock)
    monkeypatch.setattr("limits.strategies.time", clock)
    monkeypatch.setattr("limits.storage.memory.threading", SimpleNamespace(Timer=NoTimer, RLock=threading.RLock))
    return clock


def arrivals(seed: int, *, count: int, rate: float) -> list[float]:
    random, now, times = Random(seed), 1000.0, []
    for _ in range(count):
        now += random.expovariate(rate)
        times.append(now)
    return times


def admitted_by_limits(
    clock: Clock,
    strategy: type[MovingWindowRateLimiter] | type[FixedWindowRateLimiter],
    item: RateLimitItemPerSecond,
    times: list[float],
) -> list[float]:
    limiter, admitted = strategy(MemoryStorage()), []
    for clock.now in times:
        if limiter.hit(item, "me"):
            admitted.append(clock.now)
    return admitted


def admitted_by_bucket(times: list[float], *, rate: float, burst: float) -> list[float]:
    buckets = Buckets(rate=rate, burst=burst, callers=1)
    return [now for now in times if buckets.take(now, "me") == 0]


def most_within(seconds: float, times: list[float]) -> int:
    return max(sum(first <= time < first + seconds for time in times) for first in times)


@pytest.mark.parametrize("seconds", [1, 3])
@pytest.mark.parametrize("rate", [0.5, 2.0, 20.0])
def test_a_bucket_of_one_answers_as_a_moving_window_of_one_does(clock: Clock, seconds: int, rate: float) -> None:
    times = arrivals(1, count=2000, rate=rate)
    theirs = admitted_by_limits(clock, MovingWindowRateLimiter, RateLimitItemPerSecond(1, seconds), times)
    assert admitted_by_bucket(times, rate=1 / seconds, burst=1) == theirs
    assert 0 < len(theirs) < len(times)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_always_asks_gets_the_same_rate_from_all(
    clock: Clock, strategy: type[MovingWindowRateLimiter] | type[FixedWindowRateLimiter]
) -> None:
    times = arrivals(2, count=20_000, rate=200)
    theirs = admitted_by_limits(clock, strategy, RateLimitItemPerSecond(AMOUNT), times)
    ours = admitted_by_bucket(times, rate=AMOUNT, burst=AMOUNT)
    assert len(ours) - AMOUNT == pytest.approx(len(theirs), rel=0.03)


def test_only_the_moving_window_keeps_every_window_at_its_limit(clock: Clock) -> None:
    """Busy seconds between idle ones, so that the burst is there when it is asked for."""
    times = [now for now in arrivals(3, count=6000, rate=100) if int(now) % 3 < 2]
    item = RateLimitItemPerSecond(AMOUNT)
    moving = admitted_by_limits(clock, MovingWindowRateLimiter, item, times)
    fixed = admitted_by_limits(clock, FixedWindowRateLimiter, item, times)
    ours = admitted_by_bucket(times, rate=AMOUNT, burst=AMOUNT)
    assert most_within(1, moving) == AMOUNT
    assert AMOUNT < most_within(1, ours) <= 2 * AMOUNT
    assert AMOUNT <= most_within(1, fixed) <= 2 * AMOUNT
