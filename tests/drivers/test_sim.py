"""What is particular to SimPy: answers at once, answers too late, and the event that ends a strategy."""

from __future__ import annotations

import gc
from collections.abc import Callable
from random import Random

import pytest
import simpy

from stormlab.drivers.sim import Run, Timer, drive
from stormlab.effects import PLAIN, Call, Race, Request, Sleep, Steps
from stormlab.outcome import SUCCESS, Ending, Outcome, failure, success
from stormlab.policies import NoBackoff, Policy, Retry, Scope, Timeout, compose
from stormlab.testing import ScriptedCallee
from tests.drivers.test_equivalence import nested, patient, racing
from tests.drivers.worlds import MakePolicies, on_simpy, random_play


def played(policies: list[Policy], callee: ScriptedCallee) -> tuple[float, Outcome]:
    env = simpy.Environment()
    strategy = compose(policies, Scope(random=Random(1)))
    outcome = env.run(drive(env, strategy(env.now, PLAIN), callee.simulated(env)))
    assert outcome is not None
    return env.now, outcome


def test_the_event_carries_the_outcome() -> None:
    assert played([], ScriptedCallee([(0.5, success("hello"))])) == (0.5, success("hello"))


def test_thousands_of_immediate_answers_need_no_deep_stack() -> None:
    callee = ScriptedCallee([(0.0, failure("refused"))] * 5001)
    now, outcome = played([Retry(max_retries=5000, backoff=NoBackoff()), Timeout()], callee)
    assert (now, outcome.reason, len(callee.requests)) == (0.0, "refused", 5001)


def test_an_answer_after_the_cut_is_nobodys() -> None:
    env = simpy.Environment()
    replies: list[Callable[[Outcome], None]] = []
    ends: list[float] = []

    def operation(request: Request, reply: Callable[[Outcome], None]) -> None:
        replies.append(reply)

    strategy = compose([Timeout(seconds=1)], Scope(random=Random(1)))
    Run(env, strategy(env.now, PLAIN), operation, lambda now, _: ends.append(now)).start()
    env.run()
    replies[0](SUCCESS)
    assert ends == [1.0]


@pytest.mark.parametrize("policies", [patient, racing, nested])
def test_runs_leave_no_cycles_behind(policies: MakePolicies) -> None:
    plays = [random_play(policies, seed, cut=0.3) for seed in range(3)]
    gc.collect()
    gc.disable()
    try:
        for play in plays:
            on_simpy(play)
        assert gc.collect() < 100  # the environment and the strategies, not the runs
    finally:
        gc.enable()


def test_a_run_cut_off_gives_no_answer_and_stops_waiting() -> None:
    env, ends, closed = simpy.Environment(), [], []

    def sleeper() -> Steps:
        try:
            return (yield Sleep(5))
        finally:
            closed.append(env.now)

    run = Run(env, sleeper(), lambda *_: None, lambda *end: ends.append(end)).start()
    Timer(env, 1, lambda _: run.cut_off())
    env.run()
    run.cut_off()
    assert (closed, ends) == ([1], [])


def test_a_policy_that_yields_while_it_is_closed_is_reported() -> None:
    def clinging() -> Steps:
        try:
            return (yield Call(PLAIN))
        finally:
            yield Sleep(1)

    run = Run(simpy.Environment(), clinging(), lambda *_: None, lambda *_: None).start()
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        run.cut_off()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([(0.1, success("first"))], (0.1, "first")),
        ([(0.5, success("first")), (0.1, success("second"))], (0.3, "second")),
        ([(0.5, success("first")), (0.4, success("second"))], (0.5, "first")),
        ([(0.1, failure("first")), (0.1, success("second"))], (0.2, "second")),
        ([(0.3, failure("first")), (0.2, success("second"))], (0.4, "second")),
        ([(0.5, success("first")), (0.1, failure("second"))], (0.5, "first")),
        ([(0.5, failure("first")), (0.1, failure("second"))], (0.5, "first")),
        ([(0.3, failure("first")), (0.2, failure("second"))], (0.4, "second")),
        ([(0.0, success("first"))], (0.0, "first")),
        ([(0.0, failure("first")), (0.0, success("second"))], (0.0, "second")),
        ([(0.0, failure("first")), (0.0, failure("second"))], (0.0, "second")),
    ],
)
def test_first_success_wins_a_race_and_two_failures_answer_with_the_later(
    script: list[tuple[float, Outcome]], expected: tuple[float, str]
) -> None:
    env, callee = simpy.Environment(), ScriptedCallee(script)

    def call() -> Steps:
        return (yield Call(PLAIN))

    def steps() -> Steps:
        return (yield Race(0.2, call(), lambda now: call()))

    outcome = env.run(drive(env, steps(), callee.simulated(env)))
    assert outcome is not None
    ended, word = expected
    assert env.now == pytest.approx(ended)
    assert (outcome.value or outcome.reason) == word
    assert outcome.ending in (Ending.OK, Ending.ERROR)
