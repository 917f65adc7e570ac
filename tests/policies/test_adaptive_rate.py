"""The adaptive rate: the constants of botocore, its classes next to ours on one clock, and that callers keep to it."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest
from botocore.exceptions import CapacityNotAvailableError
from botocore.retries import adaptive, bucket, throttling
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.outcome import Ending, Outcome, overloaded
from stormlab.policies import AdaptiveRate, NoBackoff, Retry
from stormlab.policies.adaptive_rate import Cubic, Meter, SendRate
from tests.policies.bench import OK, Bench

FULL = overloaded("slow-down")


def test_the_defaults_are_those_of_botocore() -> None:
    """github.com/boto/botocore, botocore/retries: throttling.py (β .7, scale .4), adaptive.py, bucket.py (min .5/s)."""
    ours = AdaptiveRate()
    assert (ours.beta, ours.scale, ours.least) == (0.7, 0.4, 0.5)
    assert (ours.smoothing, ours.period, ours.growth) == (0.8, 0.5, 2.0)
    theirs = throttling.CubicCalculator
    assert (ours.beta, ours.scale) == (theirs._BETA, theirs._SCALE_CONSTANT)
    assert ours.least == bucket.TokenBucket._MIN_RATE
    assert ours.smoothing == adaptive.RateClocker._DEFAULT_SMOOTHING
    assert ours.period == adaptive.RateClocker._TIME_BUCKET_RANGE
    assert ours.growth == adaptive.ClientRateLimiter._MAX_RATE_ADJUST_SCALE


def test_cubic_by_hand() -> None:
    """w₀ = 10, β = .7, C = .4: K = ³√(10·.3/.4) = 1.957 s; at 0 s 7/s, at K s 10/s, at 2K s 13/s."""
    cubic = Cubic(0.0, 0.7, 0.4)
    assert cubic.refusal(100.0, 10.0) == pytest.approx(7.0)
    flat = 7.5 ** (1 / 3)
    assert [cubic.growth(100.0 + t) for t in (0, flat, 2 * flat)] == pytest.approx([7.0, 10.0, 13.0])


def test_the_rate_is_that_of_half_seconds_smoothed() -> None:
    """Ten answers within half a second are 20/s, of which .8 counts; the half second after that has none."""
    meter = Meter(0.0, 0.5, 0.8)
    assert [meter.record(0.01) for _ in range(9)] == [0.0] * 9
    assert meter.record(0.5) == pytest.approx(0.8 * 20)


class BotocoreClock:
    """The clock that ``botocore`` takes; nobody sleeps on it."""

    now = 0.0

    def current_time(self) -> float:
        return self.now

    def sleep(self, amount: float) -> None:
        raise AssertionError("nothing sleeps here")


class Theirs:
    """The limiter of ``botocore``, fed by hand."""

    def __init__(self, clock: BotocoreClock) -> None:
        self.tokens = bucket.TokenBucket(max_rate=1, clock=clock)
        detector = SimpleNamespace(is_throttling_error=lambda *, overloaded: overloaded)
        self.limiter = adaptive.ClientRateLimiter(
            throttling.CubicCalculator(starting_max_rate=0, start_time=clock.now),
            adaptive.RateClocker(clock),
            self.tokens,
            detector,
            clock,
        )

    def sends(self) -> bool:
        if not self.limiter._enabled:
            return True
        try:
            self.tokens.acquire(block=False)
        except CapacityNotAvailableError:
            return False
        return True


@pytest.mark.parametrize("seed", range(5))
def test_rates_and_turns_are_those_of_botocore(seed: int) -> None:
    random, clock = Random(seed), BotocoreClock()
    clock.now = 50.0
    theirs, ours = Theirs(clock), SendRate(AdaptiveRate(), clock.now)
    sent = 0
    for step in range(4000):
        clock.now += random.expovariate(20)
        sends = ours.take(clock.now)
        assert sends == theirs.sends(), step
        if not sends:
            continue
        sent += 1
        full = random.random() < 0.1
        ours.heard(clock.now, overloaded=full)
        theirs.limiter.on_receiving_response(overloaded=full)
        assert ours.tokens.rate == pytest.approx(theirs.tokens.max_rate, rel=1e-9)
        assert ours.tokens.tokens == pytest.approx(theirs.tokens.available_capacity, abs=1e-6)
    assert 100 < sent < 4000


def test_until_the_first_refusal_nobody_waits() -> None:
    bench = Bench(AdaptiveRate())
    assert [bench.call(OK).ending for _ in range(500)] == [Ending.OK] * 500
    assert bench.now == 0.0


def test_against_a_callee_that_bears_ten_a_second_a_caller_who_never_pauses_settles_near_ten() -> None:
    bench = Bench(AdaptiveRate())
    credit, seen, refusals, last = 1.0, 0, 0, 0.0
    for _ in range(3000):
        if bench.now > 60:
            break
        arrives = bench.now
        ready = credit + (arrives - last) * 10 >= 1
        outcome = bench.call((0.02, OK if ready else FULL))
        at = bench.now - 0.02
        credit, last = min(10.0, credit + (at - last) * 10) - (1 if ready else 0), at
        seen, refusals = seen + 1, refusals + (outcome.ending is Ending.OVERLOADED)
    assert seen / bench.now == pytest.approx(10, rel=0.35)
    assert refusals / seen < 0.35


def test_who_still_waits_at_its_deadline_is_refused_with_the_wait() -> None:
    bench = Bench(AdaptiveRate(least=0.5))
    bench.call(FULL)
    late = bench.call(OK, request=PLAIN.due(bench.now + 0.75))
    assert (late.ending, late.reason, bench.now) == (Ending.REFUSED, "send-rate", 0.75)
    assert late.retry_after == pytest.approx(1.25)
    assert bench.requests == []


def test_places_are_served_in_order_and_leaving_moves_the_others_up() -> None:
    rate = SendRate(AdaptiveRate(least=2.0), 0.0)
    rate.heard(0.0, overloaded=True)
    first, second, third = (rate.join() for _ in range(3))
    assert [rate.wait(0.0, place) for place in (first, second, third)] == [0.5, 1.0, 1.5]
    rate.leave(second)
    assert rate.wait(0.0, third) == 1.0


def test_who_waits_sees_the_rate_move() -> None:
    """Seven wait at 0.5 per s, the last for 14 s; when the rate is 20 per s all are gone in a second or two."""
    rate = SendRate(AdaptiveRate(), 0.0)
    rate.heard(0.0, overloaded=True)
    places = [rate.join() for _ in range(7)]
    assert rate.wait(0.0, places[-1]) == 14.0
    rate.tokens.set_rate(0.0, 20.0)
    assert rate.wait(0.0, places[-1]) == pytest.approx(0.35)


def test_retries_take_turns_too() -> None:
    bench = Bench(Retry(max_retries=2, backoff=NoBackoff()), AdaptiveRate(least=2.0))
    bench.call(FULL, FULL, OK)
    assert bench.now == pytest.approx(1.0)


@given(steps=st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=80))
def test_the_rate_stays_between_the_least_and_twice_what_was_measured(steps: list[tuple[float, bool]]) -> None:
    now, rate = 10.0, SendRate(AdaptiveRate(), 10.0)
    for gap, full in steps:
        now += gap
        rate.heard(now, overloaded=full)
        assert 0.5 <= rate.tokens.rate <= max(0.5, 2 * rate._meter.rate) + 1e-9


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: AdaptiveRate(beta=0), "beta: must be a finite number greater than 0"),
        (lambda: AdaptiveRate(smoothing=2), "smoothing: must lie between 0 and 1"),
        (lambda: AdaptiveRate(growth=0.5), "growth: must be 1 or more"),
        (lambda: AdaptiveRate(least=0), "least: must be a finite number greater than 0"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()


def test_an_outcome_of_any_other_kind_is_no_refusal() -> None:
    bench = Bench(AdaptiveRate())
    bench.call(Outcome(Ending.ERROR), request=PLAIN)
    assert [bench.call(OK).ending for _ in range(50)] == [Ending.OK] * 50
    assert bench.now == 0.0
