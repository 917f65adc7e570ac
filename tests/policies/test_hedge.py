"""Hedges: when a further copy goes out, which answer counts, and that they stay within their budget."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.errors import InvalidValue
from stormlab.events import HedgeStarted, RetrySuppressed
from stormlab.outcome import success
from stormlab.policies import Hedge, NoBackoff, Retry, RetryBudget, Timeout
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

FIRST, SECOND, THIRD = success("first"), success("second"), success("third")


def test_an_answer_in_time_needs_no_hedge() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((0.4, FIRST)), bench.now, len(bench.requests)) == (FIRST, 0.4, 1)


def test_the_faster_copy_answers() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((9, FIRST), (0.25, SECOND)), bench.now) == (SECOND, 0.75)
    assert bench.listener.of(HedgeStarted) == [(0.5, "here-there", 2)]
    assert [request.attempt for request in bench.requests] == [1, 2]


def test_the_first_copy_may_still_win() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((0.75, FIRST), (9, SECOND)), bench.now) == (FIRST, 0.75)


def test_copies_go_out_one_by_one() -> None:
    bench = Bench(Hedge(delay=0.5, max_hedges=2))
    assert (bench.call((9, FIRST), (9, SECOND), (0.25, THIRD)), bench.now) == (THIRD, 1.25)
    assert [event.now for event in bench.listener.of(HedgeStarted)] == [0.5, 1.0]


def test_a_passing_failure_brings_the_next_copy_forward() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((0.25, FAILED), (0.25, SECOND)), bench.now) == (SECOND, 0.5)


def test_a_lasting_failure_does_not() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((0.25, INVALID)), bench.now, len(bench.requests)) == (INVALID, 0.25, 1)


def test_when_all_copies_fail_the_latest_failure_is_the_answer() -> None:
    bench = Bench(Hedge(delay=0.5))
    assert (bench.call((1, TIMED_OUT), (1, FAILED)), bench.now) == (FAILED, 1.5)


def test_without_budget_there_is_no_hedge_and_the_first_copy_is_waited_for() -> None:
    bench = Bench(Hedge(delay=0.5, budget=0, burst=1))
    bench.call((0.25, FAILED), FAILED)
    assert (bench.call((2, FIRST)), len(bench.requests)) == (FIRST, 1)
    assert [event.reason for event in bench.listener.of(RetrySuppressed)] == ["hedge-budget"]


def test_without_budget_a_failure_answers_for_itself() -> None:
    bench = Bench(Hedge(delay=0.5, budget=0, burst=1))
    bench.call(FAILED)
    assert bench.call(FAILED) == FAILED
    assert len(bench.requests) == 1


def test_one_hedge_in_twenty() -> None:
    bench = Bench(Hedge(delay=0.5, budget=0.05, burst=1))
    assert sum(bench.calls(101, (1, OK))) == 101 + 1 + 5


@given(seed=st.integers(0, 1000), budget=st.floats(0, 1), burst=st.floats(1, 5), hedges=st.integers(1, 4))
def test_hedges_stay_within_their_budget(seed: int, budget: float, burst: float, hedges: int) -> None:
    random, bench = Random(seed), Bench(Hedge(delay=0.1, max_hedges=hedges, budget=budget, burst=burst))
    sent = 0
    for calls in range(1, 31):
        bench.call(*((random.uniform(0, 1), random.choice([OK, FAILED])) for _ in range(hedges + 1)))
        sent += len(bench.requests)
        assert len(bench.requests) <= hedges + 1
        assert sent <= calls * (1 + budget) + burst + 1e-6


def test_the_tail_at_scale_in_small() -> None:
    """Dean and Barroso, CACM 2013: hedging after the 95th percentile adds at most 5 % and cuts the tail off."""
    random = Random(7)
    bench = Bench(Hedge(delay=0.1, budget=0.1))
    sent, took = 0, []
    for _ in range(2000):
        began = bench.now
        bench.call(*((1.0 if random.random() < 0.05 else random.uniform(0.02, 0.1), OK) for _ in range(2)))
        sent += len(bench.requests)
        took.append(bench.now - began)
    assert sorted(took)[int(0.99 * 2000)] < 0.2 < 1.0
    assert sent / 2000 < 1.07


def test_order_within_retry_and_budget() -> None:
    """retry → hedge → retry-budget → timeout: the retry budget pays for hedges too, as further attempts."""
    retry, budget = Retry(max_retries=1, backoff=NoBackoff()), RetryBudget(deposit=0, capacity=1)
    bench = Bench(retry, Hedge(delay=0.5), budget, Timeout(seconds=1))
    assert bench.calls(2, (9, OK)) == [2, 1]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Hedge(delay=0), "delay: must be a finite number greater than 0"),
        (lambda: Hedge(max_hedges=0), "max_hedges: must be a whole number, 1 or more"),
        (lambda: Hedge(budget=2), "budget: must lie between 0 and 1"),
        (lambda: Hedge(burst=0), "burst: must be a finite number greater than 0"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
