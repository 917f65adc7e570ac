"""The scripted callee and the listener that remembers."""

from __future__ import annotations

import pytest
import simpy

from stormlab.drivers.sim import drive
from stormlab.effects import PLAIN, Request, call_once
from stormlab.events import RetryScheduled, RetrySuppressed
from stormlab.outcome import success
from stormlab.testing import RecordingListener, ScriptedCallee, run_in_virtual_time


def test_events_are_kept_in_order_and_found_by_kind() -> None:
    listener = RecordingListener()
    scheduled, suppressed = RetryScheduled(0, "e", 2, 0.1), RetrySuppressed(1, "e", 3, "deadline")
    listener(scheduled)
    listener(suppressed)
    assert listener.events == [scheduled, suppressed]
    assert listener.of(RetrySuppressed) == [suppressed]


def test_the_script_is_read_line_by_line_by_whoever_calls() -> None:
    callee = ScriptedCallee([(0.0, success(1)), (0.5, success(2))])
    env = simpy.Environment()
    operation = callee.simulated(env)
    first = env.run(drive(env, call_once(0.0, PLAIN), operation))
    second = env.run(drive(env, call_once(0.0, Request(attempt=2)), operation))
    assert first is not None and second is not None
    assert (first.value, second.value, env.now) == (1, 2, 0.5)
    assert [request.attempt for request in callee.requests] == [1, 2]


def test_a_call_too_many_is_told() -> None:
    callee = ScriptedCallee([(0.0, success(1))])
    run_in_virtual_time(callee(PLAIN))
    with pytest.raises(AssertionError, match="the script has 1 lines and the callee was called once more"):
        run_in_virtual_time(callee(PLAIN))
