"""What ASGI and gRPC guards have in common: how hard to try, and what a refusal is to the caller."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeAlias

from stormlab.outcome import OVERLOAD_STATUSES, Ending, Outcome
from stormlab.policies.caller_throttle import THROTTLED
from stormlab.policies.idempotency import IN_PROGRESS

#: The work that the answer to the request at hand may cost, 1 for a full one; see :class:`stormlab.policies.Degrade`.
EFFORT: ContextVar[float] = ContextVar("stormlab-effort", default=1.0)

#: A caller who asks for more work than this per answer gets a full one.
MOST_EFFORT = 100.0

#: Hears of every request that a guard refused.
OnRefusal: TypeAlias = Callable[[Outcome], None]


def unheard(outcome: Outcome) -> None:
    """The listener to refusals that does nothing."""


def status_of(refusal: Outcome) -> int:
    """The HTTP status of a refusal: 429 for who asks too often, 409 for a copy of what is under way, else 503."""
    return {THROTTLED: 429, IN_PROGRESS: 409}.get(refusal.reason, 503)


def outcome_of(status: int, value: object = None) -> Outcome:
    """What an answer with HTTP ``status`` means to the guards."""
    if status < 400:
        return Outcome(Ending.OK, value)
    if status in OVERLOAD_STATUSES:
        return Outcome(Ending.OVERLOADED, value, f"http-{status}")
    return Outcome(Ending.ERROR if status >= 500 else Ending.INVALID, value, f"http-{status}")


def effort_of(text: str) -> float:
    """The work that an answer may cost, as callers send it; what is no number above 0 and at most 100 is 1."""
    try:
        effort = float(text)
    except ValueError:
        return 1.0
    return effort if 0 < effort <= MOST_EFFORT else 1.0


def priority_of(text: str) -> int:
    """A priority as callers send it; what is no whole number from 0 on is 1, the usual one."""
    return int(text) if text.isdecimal() and len(text) <= 4 else 1
