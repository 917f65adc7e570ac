"""Fallback: the last good answer for the same key, while it is fresh enough."""

from __future__ import annotations

import pytest

from stormlab.effects import Request
from stormlab.errors import InvalidValue
from stormlab.events import FellBack
from stormlab.outcome import Ending, refused, success
from stormlab.policies import Fallback, NoBackoff, Retry
from stormlab.policies.fallback import LastGood
from tests.policies.bench import FAILED, INVALID, TIMED_OUT, Bench

CHEAP, DEAR = Request(key="cheap"), Request(key="dear")


@pytest.mark.parametrize("failure", [FAILED, TIMED_OUT, refused("breaker-open")])
def test_a_failure_is_answered_with_what_was_true_before(failure: object) -> None:
    bench = Bench(Fallback(max_age=60))
    bench.call(success("3 in stock"))
    bench.wait(10)
    outcome = bench.call(failure)  # type: ignore[arg-type]
    assert (outcome.ending, outcome.value, outcome.reason) == (Ending.OK, "3 in stock", "fallback")
    assert bench.listener.of(FellBack) == [(10.0, "here-there", failure, 10.0)]


def test_without_an_earlier_answer_the_failure_stands() -> None:
    assert Bench(Fallback()).call(FAILED) == FAILED


def test_an_answer_can_be_too_old() -> None:
    bench = Bench(Fallback(max_age=60))
    bench.call(success(1))
    bench.wait(60)
    assert bench.call(FAILED).ok
    bench.wait(0.5)
    assert bench.call(FAILED) == FAILED


def test_keys_do_not_answer_for_each_other() -> None:
    bench = Bench(Fallback())
    bench.call(success("cheap"), request=CHEAP)
    assert bench.call(FAILED, request=DEAR) == FAILED
    assert bench.call(FAILED, request=CHEAP).value == "cheap"


def test_a_bad_request_stays_one() -> None:
    bench = Bench(Fallback())
    bench.call(success(1))
    assert bench.call(INVALID) == INVALID


def test_a_fallback_is_not_kept_as_an_answer() -> None:
    bench = Bench(Fallback(max_age=10))
    bench.call(success(1))
    bench.wait(8)
    bench.call(FAILED)
    bench.wait(8)
    assert bench.call(FAILED) == FAILED


def test_it_goes_outside_of_the_retries() -> None:
    bench = Bench(Fallback(), Retry(max_retries=2, backoff=NoBackoff()))
    bench.call(success(1))
    assert bench.call(FAILED).value == 1
    assert len(bench.requests) == 3


def test_memory_is_bounded_and_the_least_recently_written_goes_first() -> None:
    answers = LastGood(2)
    for now, key in enumerate(["a", "b", "a", "c"]):
        answers.keep(now, key, key.upper())
    assert (answers.find("a"), answers.find("b"), answers.find("c")) == ((2, "A"), None, (3, "C"))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Fallback(max_age=0), "max_age: must be a finite number greater than 0"),
        (lambda: Fallback(capacity=0), "capacity: must be a whole number, 1 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
