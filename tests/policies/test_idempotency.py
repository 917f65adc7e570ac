"""One key, one operation: remembered, refused while it is under way, done again when it came to nothing."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab import Pipeline
from stormlab.effects import Request
from stormlab.outcome import SUCCESS, Ending, Outcome
from stormlab.policies import Idempotent
from stormlab.policies.idempotency import TRANSITIONS, Answers, State
from stormlab.testing import run_in_virtual_time
from tests.policies.bench import FAILED, INVALID, OK, Bench

KEYED = Request(token="t1")


@pytest.mark.parametrize("answer", [OK, INVALID])
def test_what_is_final_is_remembered(answer: Outcome) -> None:
    bench = Bench(Idempotent())
    assert bench.call(answer, request=KEYED) == answer
    assert bench.call(FAILED, request=KEYED) == answer
    assert bench.requests == []


@pytest.mark.parametrize(("remember", "then"), [("final", OK), ("all", FAILED)])
def test_a_failure_is_remembered_only_on_demand(remember: Literal["final", "all"], then: Outcome) -> None:
    bench = Bench(Idempotent(remember=remember))
    bench.call(FAILED, request=KEYED)
    assert bench.call(OK, request=KEYED) == then


def test_without_a_key_everything_is_done() -> None:
    bench = Bench(Idempotent())
    assert bench.calls(3, OK) == [1, 1, 1]


def test_a_copy_that_comes_meanwhile_is_refused_and_after_a_cut_it_is_done() -> None:
    pipeline = Pipeline([Idempotent(retry_after=0.5)])
    done = 0

    async def work() -> str:
        nonlocal done
        await asyncio.sleep(1)
        done += 1
        return "done"

    async def main() -> None:
        first = asyncio.create_task(pipeline.outcome(work, request=KEYED))
        await asyncio.sleep(0.1)
        copy = await pipeline.outcome(work, request=KEYED)
        assert (copy.ending, copy.reason, copy.retry_after) == (Ending.REFUSED, "in-progress", 0.5)
        first.cancel()
        await asyncio.wait([first])
        assert (await pipeline.outcome(work, request=KEYED)).value == "done"
        assert (await pipeline.outcome(work, request=KEYED)).value == "done"

    run_in_virtual_time(main())
    assert done == 1


SIGNALS = ("asked for", "answered", "failed, refused or cut off")


@given(st.lists(st.tuples(st.sampled_from(SIGNALS), st.integers(0, 4), st.floats(0, 4)), max_size=80))
def test_states_move_as_the_table_says_and_the_bound_holds(steps: list[tuple[str, int, float]]) -> None:
    answers, now = Answers(capacity=3, ttl=10), 0.0
    for signal, number, gap in steps:
        now += gap
        token = f"t{number}"
        before = answers.state(now, token)
        if signal == "asked for" and before is State.UNKNOWN:
            assert answers.begin(token)
        elif signal == "answered" and before is State.UNDER_WAY:
            answers.keep(now, token, SUCCESS)
        elif signal == SIGNALS[2] and before is State.UNDER_WAY:
            answers.drop(token)
        assert answers.state(now, token) is TRANSITIONS.get((before, signal), before)
        assert len(answers) <= 3


def test_keys_expire() -> None:
    answers = Answers(capacity=10, ttl=5)
    answers.begin("a")
    answers.keep(0.0, "a", SUCCESS)
    assert answers.find(5.0, "a") == SUCCESS
    assert answers.find(5.1, "a") is None
