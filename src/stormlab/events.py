"""Every observable moment as an immutable value for one listener; metrics, spans, logs and records are listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from stormlab.outcome import Outcome


class AttemptStarted(NamedTuple):
    """The guarded operation is about to be done; ``attempt`` is 1 for the first try."""

    now: float
    edge: str
    attempt: int


class AttemptEnded(NamedTuple):
    """The guarded operation ended, or was cut off; ``seconds`` since its start."""

    now: float
    edge: str
    attempt: int
    seconds: float
    outcome: Outcome


class RetryScheduled(NamedTuple):
    """Attempt number ``attempt`` will follow after ``delay`` seconds."""

    now: float
    edge: str
    attempt: int
    delay: float


class RetrySuppressed(NamedTuple):
    """A retry would have followed but something forbade it; ``reason`` says what."""

    now: float
    edge: str
    attempt: int
    reason: str


class StateChanged(NamedTuple):
    """A policy with states (a breaker, a limiter) moved from one to another."""

    now: float
    edge: str
    policy: str
    before: str
    after: str


class HedgeStarted(NamedTuple):
    """A further copy of a request that is still unanswered is about to be sent, as attempt number ``attempt``."""

    now: float
    edge: str
    attempt: int


class LimitChanged(NamedTuple):
    """An adaptive limit moved; both are numbers of concurrent calls."""

    now: float
    edge: str
    policy: str
    before: int
    after: int


class FellBack(NamedTuple):
    """A failure was replaced by an older answer, ``age`` s old, or by a cheaper one (0 s)."""

    now: float
    edge: str
    outcome: Outcome
    age: float


Event: TypeAlias = (
    AttemptStarted
    | AttemptEnded
    | RetryScheduled
    | RetrySuppressed
    | StateChanged
    | HedgeStarted
    | LimitChanged
    | FellBack
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that listens to nothing."""
