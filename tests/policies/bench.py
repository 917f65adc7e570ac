"""One pipeline on a clock of its own: each call plays one request to its end, with the answers that the test gives."""

from __future__ import annotations

from random import Random

import simpy

from stormlab.drivers.sim import Run, drive
from stormlab.effects import PLAIN, Request
from stormlab.outcome import Ending, Outcome, failure, success
from stormlab.policies import Policy, Scope, compose
from stormlab.testing import Line, RecordingListener, ScriptedCallee

OK = success("ok")
FAILED = failure("crashed")
TIMED_OUT = Outcome(Ending.TIMEOUT, reason="timeout")
INVALID = Outcome(Ending.INVALID, reason="no such thing")


class Bench:
    """``call`` gives the outcome; ``requests`` are the attempts of the last call, ``now`` is in s."""

    def __init__(self, *policies: Policy, seed: int = 1) -> None:
        self.env = simpy.Environment()
        self.listener = RecordingListener()
        self.requests: list[Request] = []
        self._strategy = compose(policies, Scope(random=Random(seed), listener=self.listener, edge="here-there"))

    @property
    def now(self) -> float:
        return self.env.now

    def call(self, *script: Outcome | Line, request: Request = PLAIN) -> Outcome:
        """One request; an answer without a delay comes at once, and the last one is repeated for ever."""
        lines = [line if isinstance(line, tuple) else (0.0, line) for line in script]
        callee = ScriptedCallee(_for_ever(lines))
        self.requests = callee.requests
        outcome = self.env.run(drive(self.env, self._strategy(self.now, request), callee.simulated(self.env)))
        assert isinstance(outcome, Outcome)
        return outcome

    def cut_off(self) -> None:
        """One request whose caller leaves at once, while the callee is at work."""
        Run(self.env, self._strategy(self.now, PLAIN), lambda *_: None, lambda *_: None).start().cut_off()

    def calls(self, number: int, *script: Outcome | Line) -> list[int]:
        """How many attempts each of ``number`` requests cost."""
        return [len(self.requests) for _ in range(number) if self.call(*script)]

    def wait(self, seconds: float) -> None:
        self.env.run(self.now + seconds)


def _for_ever(lines: list[Line]):  # type: ignore[no-untyped-def]
    yield from lines
    while True:
        yield lines[-1]
