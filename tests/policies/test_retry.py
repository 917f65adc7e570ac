"""Retry: which failures, how often, with what waits, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import Request
from stormlab.errors import InvalidValue
from stormlab.events import RetryScheduled, RetrySuppressed
from stormlab.outcome import Ending, Outcome, overloaded, refused
from stormlab.policies import Exponential, Fixed, NoBackoff, Retry
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

AT_ONCE = NoBackoff()


def test_a_success_is_not_tried_again() -> None:
    bench = Bench(Retry())
    assert bench.call(OK) == OK
    assert (len(bench.requests), bench.listener.events) == (1, [])


@pytest.mark.parametrize("passing", [FAILED, TIMED_OUT, overloaded("queue-full")])
def test_transient_failures_are_tried_again(passing: Outcome) -> None:
    bench = Bench(Retry(backoff=AT_ONCE))
    assert bench.call(passing, passing, OK) == OK
    assert [request.attempt for request in bench.requests] == [1, 2, 3]


@pytest.mark.parametrize("lasting", [INVALID, refused("breaker-open")])
def test_other_failures_are_not(lasting: Outcome) -> None:
    bench = Bench(Retry(backoff=AT_ONCE))
    assert bench.call(lasting, OK) == lasting
    assert len(bench.requests) == 1


def test_a_lasting_failure_ends_the_retries() -> None:
    bench = Bench(Retry(backoff=AT_ONCE))
    assert bench.call(FAILED, INVALID, OK) == INVALID
    assert len(bench.requests) == 2


@pytest.mark.parametrize("retries", [0, 1, 3, 10])
def test_n_retries_are_n_plus_1_attempts(retries: int) -> None:
    bench = Bench(Retry(max_retries=retries, backoff=AT_ONCE))
    assert bench.call(FAILED) == FAILED
    assert len(bench.requests) == retries + 1


def test_success_and_cost_follow_the_closed_form() -> None:
    """f = 0.5, N = 3: success 1 - f^4 = 0.9375, attempts (1 - f^4)/(1 - f) = 1.875; all sixteen fates in turn."""
    successes = attempts = 0
    for fate in range(16):
        bench = Bench(Retry(max_retries=3, backoff=AT_ONCE))
        successes += bench.call(*(OK if fate >> n & 1 else FAILED for n in range(4))).ok
        attempts += len(bench.requests)
    assert (successes / 16, attempts / 16) == (0.9375, 1.875)


def test_waits_follow_the_backoff_and_are_told() -> None:
    bench = Bench(Retry(max_retries=3, backoff=Exponential(base=1, cap=3)))
    bench.call((0.5, FAILED))
    assert bench.now == 4 * 0.5 + 1 + 2 + 3
    assert bench.listener.of(RetryScheduled) == [
        (0.5, "here-there", 2, 1),
        (2.0, "here-there", 3, 2),
        (4.5, "here-there", 4, 3),
    ]


def test_the_callee_may_ask_for_a_longer_wait_but_not_for_a_shorter() -> None:
    for asked, waited in [(5.0, 5.0), (0.25, 1.0), (None, 1.0)]:
        bench = Bench(Retry(backoff=Fixed(delay=1)))
        bench.call(overloaded("queue-full", retry_after=asked), OK)
        assert bench.now == waited


def test_no_retry_that_could_only_start_after_the_deadline() -> None:
    bench = Bench(Retry(max_retries=5, backoff=Fixed(delay=1)))
    assert bench.call((0.5, FAILED), request=Request(deadline=3.5)) == FAILED
    assert [request.attempt for request in bench.requests] == [1, 2, 3]
    assert bench.listener.of(RetrySuppressed) == [(3.5, "here-there", 4, "deadline")]
    assert bench.now == 3.5


def test_a_wait_that_ends_at_the_deadline_is_too_long() -> None:
    bench = Bench(Retry(backoff=Fixed(delay=1)))
    bench.call(FAILED, request=Request(deadline=1.0))
    assert (len(bench.requests), bench.now) == (1, 0.0)


def test_when_a_retry_is_refused_the_failure_that_called_for_it_is_the_answer() -> None:
    bench = Bench(Retry(backoff=AT_ONCE))
    assert bench.call(TIMED_OUT, refused("retry-budget")) == TIMED_OUT
    assert bench.listener.of(RetrySuppressed) == [(0.0, "here-there", 2, "retry-budget")]


def test_attempts_are_counted_on_through_layers_of_retries() -> None:
    bench = Bench(Retry(max_retries=1, backoff=AT_ONCE), Retry(max_retries=1, backoff=AT_ONCE))
    bench.call(FAILED)
    assert [request.attempt for request in bench.requests] == [1, 2, 2, 3]


@given(layers=st.integers(1, 4), retries=st.integers(0, 4))
def test_layers_multiply(layers: int, retries: int) -> None:
    """(R+1)^layers, e.g. 4³ = 64: sre.google/sre-book/addressing-cascading-failures."""
    bench = Bench(*[Retry(max_retries=retries, backoff=AT_ONCE)] * layers)
    bench.call(FAILED)
    assert len(bench.requests) == (retries + 1) ** layers


def test_what_the_caller_said_reaches_every_attempt() -> None:
    bench = Bench(Retry(backoff=AT_ONCE))
    bench.call(FAILED, OK, request=Request(caller="me", priority=0, key="k", deadline=9.0))
    assert bench.requests[1] == Request(2, 9.0, "me", 0, "k", Ending.ERROR)


@pytest.mark.parametrize("retries", [-1, 2.5])
def test_the_number_of_retries_is_a_whole_number(retries: int) -> None:
    with pytest.raises(InvalidValue, match="max_retries: must be a whole number, 0 or more"):
        Retry(max_retries=retries)
