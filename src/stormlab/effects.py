"""What a policy may ask its driver to do: call, sleep, cut off, race. Four effects, no clock, no I/O.

A *strategy* is called with ``(now, request)`` and returns *steps*: a generator that yields effects, is answered
with ``(now, outcome)`` after each, and returns ``(now, outcome)``. ``now`` is in seconds on the driver's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, TypeAlias

from stormlab.outcome import Ending, Outcome

Answer: TypeAlias = tuple[float, Outcome]
Steps: TypeAlias = "Generator[Effect, Answer, Answer]"
Strategy: TypeAlias = "Callable[[float, Request], Steps]"


class Request(NamedTuple):
    """One guarded operation on its way through the policies.

    Args:
        attempt: 1 for the first try, counted up by whoever tries again.
        deadline: absolute time in s on the driver's clock after which an answer is worthless, or ``None``.
        caller: on whose behalf, for per-caller limits.
        priority: 0 is the most important; larger numbers are shed first.
        key: what is operated on, for per-key policies and caches.
        after: how the attempt before this one ended, or ``None`` for a first try.
        token: idempotency key, the same for all tries of one operation; empty when there is none.
        effort: the work that the answer may cost, 1 for a full one; a cheaper answer is asked for below.
    """

    attempt: int = 1
    deadline: float | None = None
    caller: str = ""
    priority: int = 1
    key: str = ""
    after: Ending | None = None
    token: str = ""
    effort: float = 1.0

    def again(self, attempt: int, after: Ending | None = None) -> Request:
        _, deadline, caller, priority, key, _, token, effort = self
        return Request(attempt, deadline, caller, priority, key, after, token, effort)

    def due(self, deadline: float) -> Request:
        """The same request with the earlier of its deadline and ``deadline``."""
        if self.deadline is not None and self.deadline <= deadline:
            return self
        attempt, _, caller, priority, key, after, token, effort = self
        return Request(attempt, deadline, caller, priority, key, after, token, effort)


#: The request of a caller that has nothing to say about it.
PLAIN = Request()


class Call(NamedTuple):
    """Do the guarded operation once."""

    request: Request


class Sleep(NamedTuple):
    """Wait ``seconds`` (0 or more)."""

    seconds: float


class Within(NamedTuple):
    """Run ``steps``; cut them off after ``seconds`` and answer with a time-out."""

    seconds: float
    steps: Steps


class Race(NamedTuple):
    """Run ``first``; when it has not succeeded after ``delay`` s (or has failed), start ``second()`` as well.

    The first success wins and the other is cut off; two failures answer with the later one.
    """

    delay: float
    first: Steps
    second: Callable[[float], Steps]


Effect: TypeAlias = Call | Sleep | Within | Race


def call_once(now: float, request: Request) -> Steps:
    """The innermost strategy: the operation itself."""
    return (yield Call(request))
