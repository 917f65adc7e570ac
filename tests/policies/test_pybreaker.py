"""The consecutive breaker against ``pybreaker``, call by call on one clock: the same state, the same calls refused.

``pybreaker`` opens after ``fail_max`` failures in a row, lets calls through again once ``reset_timeout`` s have passed,
and closes after ``success_threshold`` successes in a row. It locks for the whole of a call, so calls come one by one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import pybreaker
import pytest

from stormlab.effects import PLAIN
from stormlab.outcome import Ending, Outcome
from stormlab.policies import ConsecutiveBreaker
from stormlab.policies.breaker import Breaker
from tests.policies.bench import FAILED, INVALID, OK

RAISED = {Ending.OK: None, Ending.ERROR: ConnectionError(), Ending.INVALID: LookupError()}


class Clock:
    """Stands in for ``datetime`` in ``pybreaker``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(pybreaker, "datetime", SimpleNamespace(now=self._datetime))

    def _datetime(self, tz: object = None) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)


def theirs(breaker: pybreaker.CircuitBreaker, outcome: Outcome) -> tuple[bool, str]:
    """Whether the call was sent, and the state after it."""
    sent = False

    def operation() -> None:
        nonlocal sent
        sent = True
        if error := RAISED[outcome.ending]:
            raise error

    with suppress(pybreaker.CircuitBreakerError, ConnectionError, LookupError):
        breaker.call(operation)
    return sent, breaker.current_state


def ours(breaker: Breaker, now: float, outcome: Outcome) -> tuple[bool, str]:
    permit = breaker.admit(now, PLAIN)
    if permit is not None:
        breaker.settle(now, permit, outcome)
    return permit is not None, breaker.state.value


@pytest.mark.parametrize(("failures", "probes"), [(1, 1), (3, 1), (5, 2), (2, 3)])
def test_call_by_call_the_same(monkeypatch: pytest.MonkeyPatch, failures: int, probes: int) -> None:
    clock = Clock(monkeypatch)
    seen: set[tuple[str, str]] = set()
    for seed in range(20):
        random, clock.now = Random(seed), 0.0
        one = ConsecutiveBreaker(failures=failures, open_seconds=30.0, probes=probes).breaker()
        other = pybreaker.CircuitBreaker(
            fail_max=failures, reset_timeout=30.0, success_threshold=probes, exclude=[LookupError]
        )
        before = one.state.value
        for step in range(200):
            clock.now += random.choice((0.1, 1.0, 7.0, 31.0))
            outcome = random.choices((OK, FAILED, INVALID), (4, 5, 1))[0]
            mine = ours(one, clock.now, outcome)
            assert mine == theirs(other, outcome), (seed, step)
            seen.add((before, mine[1]))
            before = mine[1]
    assert {("closed", "open"), ("open", "open"), ("open", "closed" if probes == 1 else "half-open")} <= seen
