"""Time-outs and deadlines: when they cut, and what they tell the callee."""

from __future__ import annotations

import pytest

from stormlab.effects import Request
from stormlab.errors import InvalidValue
from stormlab.policies import Deadline, Fixed, NoBackoff, Retry, Timeout
from tests.policies.bench import FAILED, OK, TIMED_OUT, Bench


def test_an_answer_in_time_comes_through() -> None:
    bench = Bench(Timeout(seconds=1))
    assert (bench.call((0.9, OK)), bench.now) == (OK, 0.9)


def test_a_late_answer_is_not_waited_for() -> None:
    bench = Bench(Timeout(seconds=1))
    assert (bench.call((1.5, OK)), bench.now) == (TIMED_OUT, 1.0)


def test_each_attempt_has_its_own_limit() -> None:
    bench = Bench(Retry(max_retries=2, backoff=Fixed(delay=0.5)), Timeout(seconds=1))
    assert bench.call((3, OK), (3, OK), (0.5, OK)) == OK
    assert bench.now == 1 + 0.5 + 1 + 0.5 + 0.5
    assert [request.deadline for request in bench.requests] == [1.0, 2.5, 4.0]


def test_a_deadline_cuts_retries_and_waits() -> None:
    bench = Bench(Deadline(seconds=2.2), Retry(max_retries=9, backoff=NoBackoff()), Timeout(seconds=1))
    assert (bench.call((5, OK)), bench.now) == (TIMED_OUT, 2.2)
    assert [request.deadline for request in bench.requests] == [1.0, 2.0, 2.2]


def test_the_earlier_of_two_deadlines_counts() -> None:
    bench = Bench(Timeout(seconds=5))
    assert bench.call((9, OK), request=Request(deadline=2.0)) == TIMED_OUT
    assert (bench.now, bench.requests[0].deadline) == (2.0, 2.0)


def test_nothing_is_sent_after_the_deadline() -> None:
    bench = Bench(Timeout(seconds=5))
    bench.wait(3)
    assert bench.call(OK, request=Request(deadline=2.0)) == TIMED_OUT
    assert bench.requests == []


def test_failures_come_through_at_once() -> None:
    bench = Bench(Deadline(), Timeout())
    assert (bench.call((0.25, FAILED)), bench.now) == (FAILED, 0.25)


@pytest.mark.parametrize("policy", [Timeout, Deadline])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_bad_numbers_are_refused_by_name(policy: type[Timeout], seconds: float) -> None:
    with pytest.raises(InvalidValue, match="seconds: must be a finite number greater than 0"):
        policy(seconds=seconds)
