"""Interprets strategies in SimPy: each step is advanced straight from the event that answers it.

No SimPy process is made per call. A process costs three events and a generator of its own; a callback costs one
event, which is what lets a simulated world reach tens of thousands of attempts a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappush
from typing import Any, TypeAlias

import simpy
from simpy.events import NORMAL

from stormlab.effects import Answer, Call, Race, Request, Sleep, Steps, Within
from stormlab.outcome import SUCCESS, TIMED_OUT, Outcome

Done: TypeAlias = Callable[[float, Outcome], None]
Reply: TypeAlias = Callable[[Outcome], None]
#: Starts the guarded operation. It answers through ``reply`` later, or returns the outcome at once.
Operation: TypeAlias = "Callable[[Request, Reply], Outcome | None]"


class Timer:
    """One callback at one time, called with the timer; ``cancel`` leaves it in the queue with nothing to do.

    Of a SimPy event it has what the loop looks at, and nothing else, and it schedules itself as
    :meth:`simpy.Environment.schedule` would: simulations make millions of them.
    """

    __slots__ = ("callbacks",)
    _ok = True

    def __init__(self, env: simpy.Environment, delay: float, action: Callable[[Any], None]) -> None:
        self.callbacks: Sequence[Callable[[Any], None]] | None = (action,)
        heappush(env._queue, (env._now + delay, NORMAL, next(env._eid), self))  # type: ignore[misc]

    def cancel(self) -> None:
        if self.callbacks:
            self.callbacks = ()


class _Limit(Timer):
    """A time limit in force, and the steps that will hear how it ended."""

    __slots__ = ("outer",)

    def __init__(self, env: simpy.Environment, seconds: float, expired: Callable[[Any], None], outer: Steps) -> None:
        Timer.__init__(self, env, seconds, expired)
        self.outer = outer


class _Ticket:
    """The right to answer one call, once, unless it is withdrawn."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run: Run | None = run

    def answer(self, outcome: Outcome) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.resume(outcome)

    def cancel(self) -> None:
        self._run = None


class Run:
    """One strategy under way; ``done(now, outcome)`` is called once, unless the run is cut off first.

    Time limits within it are a stack: each remembers the steps outside of it. Failures of the policy code itself
    propagate to whoever advances it: a simulation has no business hiding them. Finished runs hold no reference cycles,
    so a simulation may pause the collector of garbage.
    """

    __slots__ = ("_done", "_env", "_limits", "_operation", "_steps", "_waiting", "alive")

    def __init__(self, env: simpy.Environment, steps: Steps, operation: Operation, done: Done) -> None:
        self._env = env
        self._steps = steps
        self._operation = operation
        self._done = done
        self._limits: list[_Limit] = []
        self._waiting: _Ticket | Timer | _Contest | None = None
        self.alive = True

    def start(self) -> Run:
        outcome = self.advance(None)
        if outcome is not None:
            self._done(self._env.now, outcome)
        return self

    def resume(self, outcome: Outcome) -> None:
        """Go on with the answer to what was waited for."""
        self._waiting = None
        now = self._env.now
        final = self.advance((now, outcome))
        if final is not None:
            self._done(now, final)

    def cut_off(self) -> None:
        """Abandon the run: its permits come back, its answer is never delivered, its callee goes on working."""
        if not self.alive:
            return
        self.alive = False
        self._stop_waiting()
        while self._limits:
            self._leave(self._limits.pop())
        self._steps.close()

    def advance(self, answer: Answer | None) -> Outcome | None:
        """Go on with ``answer`` until something has to be waited for; the outcome, when the steps have ended."""
        env, steps = self._env, self._steps
        while True:
            try:
                effect: Any = steps.send(answer)  # type: ignore[arg-type]
            except StopIteration as stop:
                outcome = stop.value[1]
                if not self._limits:
                    self.alive = False
                    return outcome  # type: ignore[no-any-return]
                limit = self._limits.pop()
                limit.cancel()
                steps = self._steps = limit.outer
                answer = (env.now, outcome)
                continue
            kind = type(effect)
            if kind is Call:
                ticket = self._waiting = _Ticket(self)
                outcome = self._operation(effect.request, ticket.answer)
            elif kind is Within:
                self._limits.append(_Limit(env, effect.seconds, self._expired, steps))
                steps = self._steps = effect.steps
                answer = None
                continue
            elif kind is Sleep:
                self._waiting = Timer(env, effect.seconds, self._awake)
                return None
            else:
                contest = self._waiting = _Contest(env, effect, self._operation, self.resume)
                outcome = contest.start()
            if outcome is None:
                return None
            self._stop_waiting()
            answer = (env.now, outcome)

    def _awake(self, _event: Any) -> None:
        self.resume(SUCCESS)

    def _expired(self, limit: _Limit) -> None:
        """Close everything inside of ``limit`` and go on outside of it."""
        self._stop_waiting()
        inner = None
        while inner is not limit:
            inner = self._limits.pop()
            self._leave(inner)
        self.resume(TIMED_OUT)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _leave(self, limit: _Limit) -> None:
        limit.cancel()
        self._steps.close()
        self._steps = limit.outer


class _Contest:
    """Two runs, of which the first success cuts off the other."""

    def __init__(self, env: simpy.Environment, effect: Race, operation: Operation, reply: Reply) -> None:
        self._env = env
        self._effect = effect
        self._operation = operation
        self._reply = reply
        self._going: list[Run] = []
        self._second_started = False
        self._timer = Timer(env, effect.delay, self._delay_over)

    def start(self) -> Outcome | None:
        return self._judge(self._enter(self._effect.first))

    def cancel(self) -> None:
        self._timer.cancel()
        going, self._going = self._going, []
        for run in going:
            run.cut_off()

    def _enter(self, steps: Steps) -> Outcome | None:
        run = Run(self._env, steps, self._operation, self._finished)
        self._going.append(run)
        return run.advance(None)

    def _judge(self, outcome: Outcome | None) -> Outcome | None:
        """What the contest answers once a run has ended with ``outcome``; ``None`` while it goes on."""
        if outcome is None:
            return None
        if outcome.ok:
            self.cancel()
            return outcome
        if not self._second_started:
            self._timer.cancel()
            return self._start_second()
        self._going = [run for run in self._going if run.alive]
        return None if self._going else outcome

    def _start_second(self) -> Outcome | None:
        self._second_started = True
        return self._judge(self._enter(self._effect.second(self._env.now)))

    def _delay_over(self, _event: Any) -> None:
        self._tell(self._start_second())

    def _finished(self, _now: float, outcome: Outcome) -> None:
        self._tell(self._judge(outcome))

    def _tell(self, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._reply(outcome)


def drive(env: simpy.Environment, steps: Steps, operation: Operation) -> simpy.Event:
    """Run a strategy to its end inside a SimPy model; the event's value is the outcome.

    Args:
        env: the simulation; its time is the policies' ``now``, in s.
        steps: what ``strategy(env.now, request)`` returned.
        operation: starts the guarded operation; see :data:`Operation`.
    """
    finished = env.event()

    def done(_now: float, outcome: Outcome) -> None:
        finished.succeed(outcome)

    Run(env, steps, operation, done).start()
    return finished
