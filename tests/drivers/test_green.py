"""What is particular to gevent: kills, and time-outs that belong to somebody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

gevent = pytest.importorskip("gevent", reason="gevent is in the extra 'live'")

from stormlab import errors  # noqa: E402
from stormlab.drivers.green import Pipeline, interpret  # noqa: E402
from stormlab.effects import PLAIN, Call, Request, Sleep, Steps  # noqa: E402
from stormlab.events import AttemptEnded, AttemptStarted  # noqa: E402
from stormlab.outcome import Ending, Outcome, failure, success  # noqa: E402
from stormlab.policies import NoBackoff, Policy, Retry, Timeout  # noqa: E402
from stormlab.testing import RecordingListener, ScriptedCallee  # noqa: E402
from stormlab.testing.virtual_hub import run  # noqa: E402
from tests.drivers.worlds import SecondCopy  # noqa: E402

Clock = Callable[[], float]


def test_the_answer_comes_through() -> None:
    assert Pipeline([Retry(), Timeout()]).call(lambda: 42) == 42


def test_a_decorated_function_keeps_its_name_and_arguments() -> None:
    @Pipeline([Timeout()]).guard
    def add(left: int, *, right: int) -> int:
        return left + right

    assert (add.__name__, add(1, right=2)) == ("add", 3)


def test_the_last_exception_is_raised_as_itself() -> None:
    def broken() -> None:
        raise ConnectionResetError("by peer")

    with pytest.raises(ConnectionResetError, match="by peer"):
        Pipeline([Retry(backoff=NoBackoff())]).call(broken)


def test_each_attempt_gets_its_number_and_deadline() -> None:
    callee = ScriptedCallee([(0.5, failure("crashed")), (0.1, success("x"))])
    run(lambda clock: Pipeline([Retry(backoff=NoBackoff()), Timeout(seconds=2.0)], clock=clock).call(callee.blocking))
    assert callee.requests == [Request(1, 2.0), Request(2, 2.5, after=Ending.ERROR)]


def test_attempts_are_events_even_when_cut_off() -> None:
    listener = RecordingListener()
    callee = ScriptedCallee([(9.0, success(1)), (0.5, success(1))])
    policies: list[Policy] = [Retry(backoff=NoBackoff()), Timeout(seconds=1.0)]
    run(lambda clock: Pipeline(policies, listener=listener, edge="a-b", clock=clock).call(callee.blocking))
    cut_off = Outcome(Ending.TIMEOUT, reason="cut-off")
    assert listener.of(AttemptStarted) == [(0.0, "a-b", 1), (1.0, "a-b", 2)]
    assert listener.of(AttemptEnded) == [(1.0, "a-b", 1, 1.0, cut_off), (1.5, "a-b", 2, 0.5, success(1))]


def test_an_outer_limit_of_the_caller_is_not_taken_for_ours() -> None:
    def main(clock: Clock) -> float:
        with pytest.raises(gevent.Timeout) as raised, gevent.Timeout(1) as outer:
            Pipeline([Retry(), Timeout(seconds=5)], clock=clock).call(lambda: gevent.sleep(10))
        assert raised.value is outer
        return clock()

    assert run(main) == 1.0


def test_our_limit_is_timed_out_by_name() -> None:
    def main(clock: Clock) -> None:
        Pipeline([Timeout(seconds=1)], clock=clock).call(lambda: gevent.sleep(2))

    with pytest.raises(errors.TimedOut):
        run(main)


def test_nested_limits_each_answer_for_themselves() -> None:
    policies: list[Policy] = [Timeout(seconds=2.5), Retry(max_retries=9, backoff=NoBackoff()), Timeout(seconds=1)]

    def main(clock: Clock) -> tuple[Outcome, float]:
        return Pipeline(policies, clock=clock).outcome(lambda: gevent.sleep(10)), clock()

    outcome, ended = run(main)
    assert (outcome.ending, ended) == (Ending.TIMEOUT, 2.5)


def test_no_limit_outlives_its_call() -> None:
    def main(clock: Clock) -> float:
        Pipeline([Timeout(seconds=1)], clock=clock).call(lambda: None)
        gevent.sleep(5)
        return clock()

    assert run(main) == 5.0


def test_killing_the_caller_of_a_race_ends_both_copies() -> None:
    going = 0

    def copy() -> None:
        nonlocal going
        going += 1
        try:
            gevent.sleep(10)
        finally:
            going -= 1

    def main(clock: Clock) -> int:
        caller = gevent.spawn(Pipeline([SecondCopy()], clock=clock).call, copy)
        gevent.sleep(1)
        at_once = going
        caller.kill()
        return at_once

    assert (run(main), going) == (2, 0)


def test_the_loser_of_a_race_is_killed_before_the_answer() -> None:
    ends: list[tuple[str, float]] = []
    delays = iter([5.0, 0.5])

    def main(clock: Clock) -> tuple[float, float]:
        def copy() -> float:
            delay = next(delays)
            try:
                gevent.sleep(delay)
            except gevent.GreenletExit:
                ends.append(("lost", clock()))
                raise
            ends.append(("won", clock()))
            return delay

        return Pipeline([SecondCopy()], clock=clock).call(copy), clock()

    assert run(main) == (0.5, 0.7)
    assert ends == [("won", 0.7), ("lost", 0.7)]


def test_a_policy_that_yields_while_it_is_closed_is_reported() -> None:
    def clinging() -> Steps:
        try:
            return (yield Call(PLAIN))
        finally:
            yield Sleep(1)

    def hang(_request: Request) -> Outcome:
        gevent.sleep(10)
        return success()

    def main(clock: Clock) -> None:
        with gevent.Timeout(1):
            interpret(clinging(), hang, clock)

    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        run(main)


def test_real_time_works_too() -> None:
    tries = iter([OSError("refused"), None])

    def sometimes() -> str:
        if error := next(tries):
            raise error
        gevent.sleep(0.001)
        return "real"

    callers = [gevent.spawn(Pipeline([Retry(backoff=NoBackoff()), Timeout(seconds=60)]).call, sometimes)]
    gevent.joinall(callers)
    assert callers[0].get() == "real"
