"""The throttle per caller: its rate over any window, what it tells the refused, and how much it remembers."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import Request
from stormlab.outcome import Ending
from stormlab.policies import CallerThrottle
from stormlab.policies.caller_throttle import Buckets
from tests.policies.bench import OK, Bench

GAPS = st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=80)


@given(gaps=GAPS, rate=st.floats(0.5, 50), burst=st.integers(1, 20))
def test_no_window_holds_more_than_its_rate_and_a_burst(gaps: list[float], rate: float, burst: int) -> None:
    buckets, now, admitted = Buckets(rate=rate, burst=burst, callers=10), 0.0, []
    for gap in gaps:
        now += gap
        if buckets.take(now, "me") == 0:
            admitted.append(now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= rate * (admitted[last] - admitted[first]) + burst + 1e-6


@given(gaps=GAPS, rate=st.floats(0.5, 50), burst=st.integers(1, 20))
def test_who_comes_back_when_told_is_let_in_and_before_is_not(gaps: list[float], rate: float, burst: int) -> None:
    buckets, now = Buckets(rate=rate, burst=burst, callers=10), 0.0
    for gap in gaps:
        now += gap
        wait = buckets.take(now, "me")
        if wait > 1e-6:
            assert buckets.take(now + wait * 0.99 - 1e-6, "me") > 0 or wait < 1e-4
            now += wait
            assert buckets.take(now, "me") == 0


def test_against_an_independent_token_bucket() -> None:
    """Tokens kept as tokens, refilled at every request, as the book's listing does it."""
    buckets, tokens, last, now = Buckets(rate=3, burst=5, callers=1), 5.0, 0.0, 0.0
    seen = []
    for step in range(2000):
        now += (step * 7919 % 101) / 250
        tokens, last = min(5.0, tokens + (now - last) * 3), now
        expected = tokens >= 1 - 1e-9
        tokens -= expected
        assert (buckets.take(now, "me") == 0) is expected
        seen.append(expected)
    assert 0.1 < sum(seen) / len(seen) < 1


def test_ten_thousand_callers_stay_within_the_bound() -> None:
    buckets = Buckets(rate=1, burst=2, callers=1000)
    for turn in range(3):
        for caller in range(10_000):
            buckets.take(turn * 0.1, f"caller-{caller}")
            assert len(buckets) <= 1000
    assert len(buckets) == 1000


def test_a_hundred_thousand_callers_take_no_more_memory_than_the_ten_thousand_that_are_remembered() -> None:
    """The bound in bytes: some 190 for each remembered caller, its name of 13 letters included; none for the others."""
    tracemalloc.start()
    try:
        buckets = Buckets(rate=1, burst=2, callers=10_000)
        for caller in range(10_000):
            buckets.take(0.0, f"caller-{caller:06d}")
        full, _ = tracemalloc.get_traced_memory()
        for caller in range(10_000, 100_000):
            buckets.take(0.0, f"caller-{caller:06d}")
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(buckets) == 10_000
    assert full < 10_000 * 250
    assert now < 10_000 * 250
    assert peak < 10_000 * 350


def test_who_keeps_asking_is_remembered_and_who_is_forgotten_starts_anew() -> None:
    buckets = Buckets(rate=0.001, burst=1, callers=2)
    assert buckets.take(0, "greedy") == 0
    for other in range(50):
        buckets.take(0, f"other-{other}")
        assert buckets.take(0, "greedy") > 0
    buckets.take(0, "a"), buckets.take(0, "b")
    assert buckets.take(0, "greedy") == 0


def test_one_caller_takes_nothing_from_another() -> None:
    bench = Bench(CallerThrottle(rate=1, burst=2))
    greedy = [bench.call(OK, request=Request(caller="greedy")) for _ in range(5)]
    assert [outcome.ending for outcome in greedy] == [Ending.OK] * 2 + [Ending.REFUSED] * 3
    assert greedy[-1].reason == "throttled"
    assert greedy[-1].retry_after == pytest.approx(1.0)
    assert bench.call(OK, request=Request(caller="modest")) == OK
