"""Stop waiting: a limit per attempt, and a deadline for the whole request.

Both put the moment after which an answer is worthless into the request, so that whoever is called can drop the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Steps, Strategy, Within
from stormlab.outcome import TIMED_OUT
from stormlab.policies.base import Scope
from stormlab.policies.checks import positive
from stormlab.units import Seconds


def _cut_off(inner: Strategy, seconds: float) -> Strategy:
    def limited(now: float, request: Request) -> Steps:
        request = request.due(now + seconds)
        assert request.deadline is not None
        left = request.deadline - now
        if left <= 0:
            return now, TIMED_OUT
        return (yield Within(left, inner(now, request)))

    return limited


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Give up an attempt after ``seconds``, or at the request's deadline if that is earlier; goes inside ``Retry``."""

    kind: Literal["timeout"] = "timeout"
    seconds: Seconds = 1.0

    def __post_init__(self) -> None:
        positive("seconds", self.seconds)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return _cut_off(inner, self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Give up the whole request, retries and waits included, after ``seconds``; goes outside ``Retry``."""

    kind: Literal["deadline"] = "deadline"
    seconds: Seconds = 5.0

    def __post_init__(self) -> None:
        positive("seconds", self.seconds)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        return _cut_off(inner, self.seconds)
