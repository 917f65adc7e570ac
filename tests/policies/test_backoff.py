"""Waits against their formulas, against tenacity, and within their bounds for any parameters."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st
from tenacity.wait import wait_exponential, wait_fixed, wait_none, wait_random_exponential

from stormlab.errors import InvalidValue
from stormlab.policies import (
    BookJitter,
    Decorrelated,
    EqualJitter,
    Exponential,
    Fixed,
    FullJitter,
    NoBackoff,
)
from stormlab.policies.retry import AnyBackoff

GROWING = [Exponential, FullJitter, EqualJitter, Decorrelated]
bases = st.floats(0.001, 10)
factors = st.floats(1, 1000)
seeds = st.integers(0, 2**32)


class Top:
    """A random stream that always draws the largest value."""

    def random(self) -> float:
        return 1.0

    def uniform(self, a: float, b: float) -> float:
        return b


class Bottom(Top):
    def random(self) -> float:
        return 0.0

    def uniform(self, a: float, b: float) -> float:
        return a


def first(backoff: AnyBackoff, number: int, random: Random | Top | None = None) -> list[float]:
    return list(islice(backoff.delays(random or Random(1)), number))


def tenacity_waits(wait: tenacity.wait.wait_base, number: int) -> list[float]:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    waits = []
    for attempt in range(1, number + 1):
        state.attempt_number = attempt
        waits.append(wait(state))
    return waits


def means(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (NoBackoff(), wait_none()),
        (Fixed(delay=1.5), wait_fixed(1.5)),
        (Exponential(base=0.1, cap=20), wait_exponential(multiplier=0.1, max=20)),
        (Exponential(base=1, cap=60), wait_exponential(multiplier=1, max=60)),
    ],
)
def test_waits_without_jitter_are_those_of_tenacity(ours: AnyBackoff, theirs: tenacity.wait.wait_base) -> None:
    assert first(ours, 12) == pytest.approx(tenacity_waits(theirs, 12))


def test_full_jitter_has_the_ceilings_and_the_mean_of_tenacity() -> None:
    number, tries = 8, 2000
    theirs = wait_random_exponential(multiplier=0.1, max=5)
    ours = FullJitter(base=0.1, cap=5)
    ceilings = first(ours, number, Top())
    assert ceilings == pytest.approx(tenacity_waits(wait_exponential(multiplier=0.1, max=5), number))
    random = Random(5)
    our_mean = means([first(ours, number, random) for _ in range(tries)])
    their_mean = means([tenacity_waits(theirs, number) for _ in range(tries)])
    # The standard error of the difference of two means of U(0, v) over n draws is v·sqrt(2/12n).
    for ceiling, one, other in zip(ceilings, our_mean, their_mean, strict=True):
        assert abs(one - other) < 5 * ceiling * (2 / (12 * tries)) ** 0.5


@pytest.mark.parametrize(
    ("backoff", "lowest", "highest"),
    [
        (FullJitter(base=1, cap=5), [0, 0, 0, 0], [1, 2, 4, 5]),
        (EqualJitter(base=1, cap=5), [0.5, 1, 2, 2.5], [1, 2, 4, 5]),
        (Decorrelated(base=1, cap=20), [1, 1, 1, 1], [3, 9, 20, 20]),
    ],
)
def test_bounds_of_jitter_aws(backoff: AnyBackoff, lowest: list[float], highest: list[float]) -> None:
    """aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter, with v = min(cap, base·2^(n-1))."""
    assert first(backoff, 4, Bottom()) == lowest
    assert first(backoff, 4, Top()) == highest


def test_the_jitter_of_the_book() -> None:
    """Cloud Native Go, ch09/backoff-simulator: b = 1, 2, …, 32, 60, 60; the wait is 1 s + U[0, 3b)."""
    assert first(BookJitter(), 8, Bottom()) == [1.0] * 8
    assert first(BookJitter(), 8, Top()) == [1 + 3 * b for b in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_the_mean_of_the_book_jitter_is_one_and_a_half_ceilings_more_than_a_second() -> None:
    waits = first(BookJitter(base=4, cap=4), 4000, Random(3))
    assert sum(waits) / len(waits) == pytest.approx(1 + 1.5 * 4, rel=0.03)


@given(base=bases, factor=factors, seed=seeds, kind=st.sampled_from(GROWING))
def test_delays_stay_between_0_and_the_cap(base: float, factor: float, seed: int, kind: type[Exponential]) -> None:
    cap = base * factor
    assert all(0 <= delay <= cap for delay in first(kind(base=base, cap=cap), 30, Random(seed)))


@given(base=bases, factor=factors, seed=seeds)
def test_decorrelated_waits_never_fall_below_the_base(base: float, factor: float, seed: int) -> None:
    assert min(first(Decorrelated(base=base, cap=base * factor), 30, Random(seed))) >= base


@given(base=bases, factor=factors)
def test_ceilings_never_shrink_and_do_not_overflow(base: float, factor: float) -> None:
    delays = first(Exponential(base=base, cap=base * factor), 2000)
    assert delays == sorted(delays)


def test_each_request_starts_from_the_beginning() -> None:
    backoff = Exponential(base=1, cap=8)
    assert first(backoff, 3) == first(backoff, 3) == [1, 2, 4]


def test_the_seed_decides() -> None:
    assert first(FullJitter(), 5, Random(9)) == first(FullJitter(), 5, Random(9)) != first(FullJitter(), 5, Random(8))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: FullJitter(base=0), "base: must be a finite number greater than 0"),
        (lambda: FullJitter(base=float("nan")), "base: must be a finite number"),
        (lambda: Exponential(base=5, cap=1), "cap: must be 5 or more"),
        (lambda: Fixed(delay=-1), "delay: must be a finite number, 0 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
