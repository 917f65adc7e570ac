"""What is particular to asyncio: cancellation, time-outs that belong to somebody else, races whose loser is awaited."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable

import pytest

from stormlab import Pipeline, errors
from stormlab.drivers.aio import interpret
from stormlab.effects import PLAIN, Call, Request, Sleep, Steps
from stormlab.events import AttemptEnded, AttemptStarted
from stormlab.outcome import Ending, Outcome, failure, success
from stormlab.policies import NoBackoff, Retry, RetryBudget, Timeout
from stormlab.testing import RecordingListener, ScriptedCallee, run_in_virtual_time
from tests.drivers.worlds import SecondCopy


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_answer_comes_through() -> None:
    async def answer() -> int:
        return 42

    assert run_in_virtual_time(Pipeline().call(answer)) == 42


def test_a_decorated_function_keeps_its_name_and_arguments() -> None:
    pipeline = Pipeline([Retry(backoff=NoBackoff())])
    tries = []

    @pipeline.guard
    async def add(left: int, *, right: int) -> int:
        tries.append(left)
        if len(tries) < 3:
            raise ConnectionResetError
        return left + right

    assert add.__name__ == "add"
    assert run_in_virtual_time(add(1, right=2)) == 3
    assert tries == [1, 1, 1]


def test_the_last_exception_is_raised_as_itself() -> None:
    async def broken() -> None:
        raise ConnectionResetError("by peer")

    with pytest.raises(ConnectionResetError, match="by peer"):
        run_in_virtual_time(Pipeline([Retry(), Timeout()]).call(broken))


def test_each_attempt_gets_its_number_and_deadline() -> None:
    callee = ScriptedCallee([(0.5, failure("crashed")), (0.1, success("x"))])
    pipeline = Pipeline([Retry(backoff=NoBackoff()), Timeout(seconds=2.0)])
    run_in_virtual_time(pipeline.call(callee, request=Request(caller="me", priority=0)))
    assert callee.requests == [Request(1, 2.0, "me", 0), Request(2, 2.5, "me", 0, after=Ending.ERROR)]


def test_attempts_are_events_even_when_cut_off() -> None:
    listener = RecordingListener()
    callee = ScriptedCallee([(9.0, success(1)), (0.5, success(1))])
    pipeline = Pipeline([Retry(backoff=NoBackoff()), Timeout(seconds=1.0)], listener=listener, edge="a-b")
    run_in_virtual_time(pipeline.call(callee))
    cut_off = Outcome(Ending.TIMEOUT, reason="cut-off")
    assert listener.of(AttemptStarted) == [(0.0, "a-b", 1), (1.0, "a-b", 2)]
    assert listener.of(AttemptEnded) == [(1.0, "a-b", 1, 1.0, cut_off), (1.5, "a-b", 2, 0.5, success(1))]


def test_cancelling_the_caller_cancels_the_operation_and_waits_for_its_clean_up() -> None:
    log: list[tuple[str, float]] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.25)
            log.append(("cleaned up", now()))

    async def main() -> None:
        task = asyncio.create_task(Pipeline([Retry(), Timeout(seconds=5)]).call(slow))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        log.append(("cancelled", now()))

    run_in_virtual_time(main())
    assert log == [("cleaned up", 1.25), ("cancelled", 1.25)]


def test_an_outer_limit_of_the_caller_is_not_taken_for_ours() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(1):
                await Pipeline([Retry(), Timeout(seconds=5)]).call(lambda: asyncio.sleep(10))
        assert not isinstance(raised.value, errors.StormlabError)
        return now()

    assert run_in_virtual_time(main()) == 1.0


def test_a_limit_inside_the_operation_is_an_attempt_that_timed_out() -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0.5):
            await asyncio.sleep(10)

    async def main() -> tuple[Outcome, float]:
        outcome = await Pipeline([Retry(max_retries=1, backoff=NoBackoff()), Timeout(seconds=5)]).outcome(impatient)
        return outcome, now()

    outcome, ended = run_in_virtual_time(main())
    assert (outcome.ending, type(outcome.error), ended) == (Ending.TIMEOUT, TimeoutError, 1.0)


def test_our_limit_is_timed_out_by_name() -> None:
    with pytest.raises(errors.TimedOut):
        run_in_virtual_time(Pipeline([Timeout(seconds=1)]).call(lambda: asyncio.sleep(2)))


def test_nested_limits_each_answer_for_themselves() -> None:
    pipeline = Pipeline([Timeout(seconds=2.5), Retry(max_retries=9, backoff=NoBackoff()), Timeout(seconds=1)])

    async def main() -> tuple[Outcome, float]:
        return await pipeline.outcome(lambda: asyncio.sleep(10)), now()

    outcome, ended = run_in_virtual_time(main())
    assert (outcome.ending, ended) == (Ending.TIMEOUT, 2.5)


def test_the_loser_of_a_race_is_cancelled_and_awaited() -> None:
    ends: list[tuple[str, float]] = []
    delays = iter([5.0, 0.5])

    async def copy() -> float:
        delay = next(delays)
        try:
            await asyncio.sleep(delay)
        except asyncio.CancelledError:
            await asyncio.sleep(0.125)
            ends.append(("lost", now()))
            raise
        ends.append(("won", now()))
        return delay

    async def main() -> tuple[float, float]:
        return await Pipeline([SecondCopy()]).call(copy), now()

    assert run_in_virtual_time(main()) == (0.5, 0.825)
    assert ends == [("won", 0.7), ("lost", 0.825)]


def test_cancelling_the_caller_of_a_race_ends_both_copies() -> None:
    going = 0

    async def copy() -> None:
        nonlocal going
        going += 1
        try:
            await asyncio.sleep(10)
        finally:
            going -= 1

    async def main() -> None:
        task = asyncio.create_task(Pipeline([SecondCopy()]).call(copy))
        await asyncio.sleep(1)
        assert going == 2
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run_in_virtual_time(main())
    assert going == 0


def test_errors_of_policy_code_are_not_answers() -> None:
    def steps() -> Steps:
        yield Call(PLAIN)
        raise ZeroDivisionError

    async def operation(_: Request) -> Outcome:
        return success()

    with pytest.raises(ZeroDivisionError):
        run_in_virtual_time(interpret(steps(), operation))


def test_a_policy_that_yields_while_it_is_closed_is_reported() -> None:
    def clinging() -> Steps:
        try:
            return (yield Call(PLAIN))
        finally:
            yield Sleep(1)

    async def operation(_: Request) -> Outcome:
        await asyncio.sleep(10)
        return success()

    async def main() -> None:
        task = asyncio.create_task(interpret(clinging(), operation))
        await asyncio.sleep(1)
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        run_in_virtual_time(main())


def test_one_pipeline_is_one_budget_for_all_its_callers() -> None:
    async def broken() -> None:
        raise OSError

    listener = RecordingListener()
    pipeline = Pipeline([Retry(backoff=NoBackoff()), RetryBudget(capacity=4)], listener=listener)

    async def main() -> None:
        await asyncio.gather(*(pipeline.call(broken) for _ in range(10)), return_exceptions=True)

    run_in_virtual_time(main())
    assert len(listener.of(AttemptStarted)) == 10 + 4


def test_the_library_can_be_imported_before_gevent_patches_sockets() -> None:
    program = (
        "import sys, stormlab, stormlab.policies; print(sorted({'asyncio', 'socket', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_real_time_works_too() -> None:
    async def answer() -> str:
        return "real"

    async def main() -> str:
        guarded: Awaitable[str] = Pipeline([Retry(), RetryBudget(), Timeout()]).call(answer)
        return await guarded

    assert asyncio.run(main()) == "real"
