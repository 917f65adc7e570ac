"""What an exception means, what is raised for an outcome, and which callables are accepted."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial, wraps
from random import Random

import pytest

from stormlab import errors
from stormlab.drivers.edge import Front, as_outcome, classify, deliver, takes_request
from stormlab.effects import Request
from stormlab.outcome import Ending, Outcome, failure, overloaded, refused, success
from stormlab.policies import Retry, RetryBudget, Timeout


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (errors.CallFailed(), Ending.ERROR),
        (errors.CalleeFailed(), Ending.ERROR),
        (errors.Overloaded(), Ending.OVERLOADED),
        (errors.TimedOut(), Ending.TIMEOUT),
        (errors.Refused(), Ending.REFUSED),
        (errors.BadRequest(), Ending.INVALID),
        (errors.InvalidValue("rate", "must be positive"), Ending.INVALID),
        (TimeoutError(), Ending.TIMEOUT),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Ending.ERROR),
        (OSError("no route"), Ending.ERROR),
        (KeyError("surprise"), Ending.ERROR),
    ],
)
def test_the_type_of_an_exception_says_how_the_call_ended(error: Exception, ending: Ending) -> None:
    outcome = classify(error)
    assert (outcome.ending, outcome.error, outcome.reason) == (ending, error, type(error).__name__)


def test_retry_after_is_kept() -> None:
    assert classify(errors.Overloaded(retry_after=2.5)).retry_after == 2.5


def test_outcomes_are_taken_as_they_are_and_values_are_successes() -> None:
    said = overloaded("503", retry_after=1.0)
    assert as_outcome(said) is said
    assert as_outcome(None).ok
    assert as_outcome([1]).value == [1]


def test_what_was_raised_is_raised_again_as_itself() -> None:
    cause = KeyError("k")
    with pytest.raises(KeyError) as raised:
        deliver(classify(cause))
    assert raised.value is cause


@pytest.mark.parametrize(
    ("outcome", "raised"),
    [
        (failure("crashed"), errors.CalleeFailed),
        (overloaded("queue-full", 2.0), errors.Overloaded),
        (Outcome(Ending.TIMEOUT), errors.TimedOut),
        (refused("retry-budget"), errors.Refused),
        (Outcome(Ending.INVALID), errors.BadRequest),
    ],
)
def test_outcomes_without_exception_raise_the_type_that_says_who_is_to_blame(
    outcome: Outcome, raised: type[errors.CallFailed]
) -> None:
    with pytest.raises(raised) as caught:
        deliver(outcome)
    assert type(caught.value) is raised
    assert caught.value.retry_after == outcome.retry_after


def test_a_success_that_remembers_an_error_is_a_success() -> None:
    assert deliver(Outcome(Ending.OK, 7, error=KeyError("replaced by a cached answer"))) == 7


def test_the_classify_hook_comes_first_and_the_exception_stays_attached() -> None:
    front = Front(classify=lambda error: overloaded("busy") if isinstance(error, KeyError) else None)
    busy, other = KeyError("k"), OSError("o")
    assert (front.judge(busy).ending, front.judge(busy).error) == (Ending.OVERLOADED, busy)
    assert (front.judge(other).ending, front.judge(other).error) == (Ending.ERROR, other)


def test_the_classify_hook_may_make_a_success() -> None:
    assert Front(classify=lambda _: success("default")).judge(KeyError()).value == "default"


class Client:
    def plain(self) -> None: ...
    def informed(self, request: Request) -> None: ...
    def __call__(self, request: Request) -> None: ...


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (lambda: None, False),
        (lambda request: None, True),
        (lambda bound=1: None, False),
        (lambda request, bound=1: None, True),
        (lambda *args, **kwargs: None, False),
        (Client().plain, False),
        (Client().informed, True),
        (Client(), True),
        (partial(Client().informed, Request()), False),
        (partial(max, 3), False),
        (wraps(Client().informed)(lambda *args: None), True),
    ],
)
def test_one_required_parameter_asks_for_the_request(fn: Callable[..., object], expected: object) -> None:
    assert takes_request(fn) is expected


def test_callables_with_more_parameters_are_refused_with_a_remedy() -> None:
    with pytest.raises(errors.BadInput, match="give a callable of none, or of one"):
        takes_request(lambda a, b: None)


def test_a_pipeline_prints_as_an_arrow_chain() -> None:
    front = Front([Retry(), RetryBudget(), Timeout()], edge="shop-stock")
    assert str(front) == "retry → retry-budget → timeout → call"
    assert repr(front) == "<Front shop-stock: retry → retry-budget → timeout → call>"
    assert str(Front()) == "call"


def test_the_seed_decides_the_random_stream() -> None:
    seen: list[float] = []

    class Peek:
        kind = "peek"

        def bind(self, inner, scope):  # type: ignore[no-untyped-def]
            seen.append(scope.random.random())
            return inner

    Front([Peek()], seed=7)
    assert seen == [Random(7).random()]
