"""A cheaper answer: when it is asked for, what it may cost, and who pays."""

from __future__ import annotations

import pytest

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.events import FellBack
from stormlab.outcome import Ending, overloaded, refused, success
from stormlab.policies import CheaperAnswer, NoBackoff, Retry, RetryBudget, Timeout
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

LESS = success("less")


def test_a_full_answer_is_enough() -> None:
    bench = Bench(CheaperAnswer())
    assert (bench.call(OK), len(bench.requests)) == (OK, 1)


@pytest.mark.parametrize("failed", [FAILED, TIMED_OUT, overloaded("queue-full")])
def test_after_a_passing_failure_less_is_asked_for_once(failed: object) -> None:
    bench = Bench(CheaperAnswer(effort=0.25))
    outcome = bench.call(failed, LESS)  # type: ignore[arg-type]
    assert (outcome.ending, outcome.value, outcome.reason) == (Ending.OK, "less", "cheaper")
    assert [(request.attempt, request.effort) for request in bench.requests] == [(1, 1.0), (2, 0.25)]
    assert [event.outcome for event in bench.listener.of(FellBack)] == [failed]


@pytest.mark.parametrize("failed", [INVALID, refused("breaker-open")])
def test_after_other_failures_it_is_not(failed: object) -> None:
    bench = Bench(CheaperAnswer())
    assert bench.call(failed) == failed  # type: ignore[arg-type]
    assert len(bench.requests) == 1


def test_when_both_fail_the_first_failure_is_the_answer() -> None:
    assert Bench(CheaperAnswer()).call(FAILED, TIMED_OUT) == FAILED


def test_efforts_multiply() -> None:
    bench = Bench(CheaperAnswer(effort=0.5))
    bench.call(FAILED, LESS, request=PLAIN._replace(effort=0.5))
    assert [request.effort for request in bench.requests] == [0.5, 0.25]


def test_past_the_deadline_nothing_is_asked_for() -> None:
    bench = Bench(CheaperAnswer(), Timeout(seconds=1.0))
    assert bench.call((5.0, OK), request=PLAIN.due(1.0)).ending is Ending.TIMEOUT
    assert len(bench.requests) == 1


def test_a_budget_further_in_pays() -> None:
    bench = Bench(CheaperAnswer(), RetryBudget(capacity=2))
    assert bench.calls(4, FAILED) == [2, 2, 1, 1]


def test_around_retries_it_comes_last() -> None:
    bench = Bench(CheaperAnswer(effort=0.5), Retry(max_retries=1, backoff=NoBackoff()))
    bench.call(FAILED, FAILED, LESS)
    assert [request.effort for request in bench.requests] == [1.0, 1.0, 0.5]


def test_an_effort_is_above_0() -> None:
    with pytest.raises(InvalidValue, match="effort: must be a finite number greater than 0"):
        CheaperAnswer(effort=0)
