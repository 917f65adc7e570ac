"""Retry budgets: never more retries than were earned."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.errors import InvalidValue
from stormlab.events import RetrySuppressed
from stormlab.policies import NoBackoff, Retry, RetryBudget, RetryRatio
from stormlab.policies.budget import TokenBucket
from tests.policies.bench import FAILED, OK, Bench

RETRY = Retry(max_retries=3, backoff=NoBackoff())


def test_a_full_bucket_pays_for_its_capacity_and_no_more() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=0.1, capacity=5))
    assert bench.calls(4, FAILED) == [4, 3, 1, 1]
    assert {event.reason for event in bench.listener.of(RetrySuppressed)} == {"retry-budget"}


def test_ten_successes_pay_for_one_retry() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=0.1, capacity=1))
    assert bench.calls(2, FAILED) == [2, 1]
    for successes, attempts in [(9, 1), (1, 2), (10, 2), (20, 2)]:
        bench.calls(successes, OK)
        assert bench.calls(1, FAILED) == [attempts]


def test_a_retry_that_succeeds_earns_too() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=1, capacity=1))
    assert bench.calls(3, FAILED, OK) == [2, 2, 2]


def test_first_tries_cost_nothing() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=0, capacity=1))
    bench.calls(1, FAILED)
    assert bench.calls(100, OK) == [1] * 100


def test_a_failure_answers_for_itself_when_the_budget_is_empty() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=0, capacity=1))
    bench.calls(1, FAILED)
    assert bench.call(FAILED) == FAILED


@given(
    capacity=st.floats(0.5, 50),
    moves=st.lists(st.one_of(st.floats(0, 1).map(lambda d: ("deposit", d)), st.just(("withdraw", 1.0))), max_size=200),
)
def test_a_bucket_stays_in_its_bounds_and_never_pays_more_than_it_got(
    capacity: float, moves: list[tuple[str, float]]
) -> None:
    bucket = TokenBucket(capacity)
    paid, got = 0.0, capacity
    for move, amount in moves:
        if move == "deposit":
            bucket.deposit(amount)
            got += amount
        else:
            before = bucket.tokens
            granted = bucket.withdraw(amount)
            paid += amount * granted
            assert granted == (before >= amount - 1e-9)
        assert 0 <= bucket.tokens <= capacity
    assert paid <= got + 1e-6


@given(seed=st.integers(0, 10_000), failing=st.floats(0, 1), deposit=st.floats(0, 1), capacity=st.floats(1, 20))
def test_retries_never_exceed_what_successes_earned(seed: int, failing: float, deposit: float, capacity: float) -> None:
    random, bench = Random(seed), Bench(RETRY, RetryBudget(deposit=deposit, capacity=capacity))
    retries = successes = 0
    for _ in range(60):
        script = [FAILED if random.random() < failing else OK for _ in range(4)]
        successes += bench.call(*script).ok
        retries += len(bench.requests) - 1
        assert retries <= capacity + deposit * successes + 1e-6


@given(ratio=st.floats(0, 1), calls=st.integers(1, 200), reserve=st.floats(0, 2))
def test_the_ratio_bounds_amplification_at_1_plus_ratio(ratio: float, calls: int, reserve: float) -> None:
    """sre.google/sre-book/handling-overload: a retry ratio of 10 % bounds the growth at 1.1 times the demand."""
    bench = Bench(RETRY, RetryRatio(ratio=ratio, window=10, min_per_second=reserve))
    attempts = sum(bench.calls(calls, FAILED))
    assert attempts <= calls * (1 + ratio) + reserve * 10 + 1e-6


def test_the_ratio_goes_on_at_its_rate_against_a_callee_that_is_down() -> None:
    bench = Bench(RETRY, RetryRatio(ratio=0.1, window=10))
    assert sum(bench.calls(100, FAILED)) == 110


def test_a_reserve_lets_rare_callers_retry() -> None:
    bench = Bench(RETRY, RetryRatio(ratio=0, window=10, min_per_second=0.3))
    assert bench.calls(2, FAILED) == [4, 1]
    bench.wait(10.5)
    assert bench.calls(1, FAILED) == [4]


def test_a_bucket_paid_by_requests_goes_on_at_its_ratio() -> None:
    bench = Bench(RETRY, RetryBudget(deposit=0.1, capacity=1, paid_by="request"))
    assert sum(bench.calls(101, FAILED)) == 101 + 1 + 10


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: RetryBudget(deposit=1.5), "deposit: must lie between 0 and 1"),
        (lambda: RetryBudget(capacity=0), "capacity: must be a finite number greater than 0"),
        (lambda: RetryRatio(ratio=-0.1), "ratio: must lie between 0 and 1"),
        (lambda: RetryRatio(window=0), "window: must be a finite number greater than 0"),
        (lambda: RetryRatio(min_per_second=-1), "min_per_second: must be a finite number, 0 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
