"""How a call ended, as a value: policies decide on outcomes, exceptions exist only at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stormlab import errors


class Ending(StrEnum):
    """The six ways in which a call ends."""

    OK = "ok"
    ERROR = "error"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    INVALID = "invalid"


#: Endings after which the same call may succeed when it is tried again.
TRANSIENT = frozenset({Ending.ERROR, Ending.OVERLOADED, Ending.TIMEOUT})

#: HTTP statuses by which a service says that it protects itself.
OVERLOAD_STATUSES = frozenset({429, 503})

# Asked for at every attempt: Python 3.11 takes long to look a member up and to hash it.
_OK, _TRANSIENT = Ending.OK, tuple(TRANSIENT)

_EXCEPTIONS: dict[Ending, type[errors.CallFailed]] = {
    Ending.ERROR: errors.CalleeFailed,
    Ending.OVERLOADED: errors.Overloaded,
    Ending.TIMEOUT: errors.TimedOut,
    Ending.REFUSED: errors.Refused,
    Ending.INVALID: errors.BadRequest,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One ending with what belongs to it.

    ``value`` is the answer of a success. ``reason`` is a short machine-readable word for a failure ("queue-full",
    "retry-budget"). ``retry_after`` is in seconds. ``error`` is the exception that was caught, if one was.
    """

    ending: Ending
    value: Any = None
    reason: str = ""
    retry_after: float | None = None
    error: BaseException | None = None

    @property
    def ok(self) -> bool:
        return self.ending is _OK

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed when it is tried again."""
        return self.ending in _TRANSIENT

    def raise_or_return(self) -> Any:
        """The value of a success.

        Raises:
            stormlab.errors.CallFailed: the type of the tree that says who is to blame.
        """
        if self.ok:
            return self.value
        failure = _EXCEPTIONS[self.ending](self.reason or self.ending.value, retry_after=self.retry_after)
        raise failure from self.error


#: Success without a value, shared because simulations make millions of them.
SUCCESS = Outcome(Ending.OK)
TIMED_OUT = Outcome(Ending.TIMEOUT, reason="timeout")


def success(value: Any = None) -> Outcome:
    return SUCCESS if value is None else Outcome(Ending.OK, value)


def refused(reason: str, retry_after: float | None = None) -> Outcome:
    """A policy on the caller's side did not let the call through."""
    return Outcome(Ending.REFUSED, None, reason, retry_after)


def overloaded(reason: str, retry_after: float | None = None) -> Outcome:
    """The callee refused the call to protect itself."""
    return Outcome(Ending.OVERLOADED, None, reason, retry_after)


def failure(reason: str, error: BaseException | None = None) -> Outcome:
    """The callee failed."""
    return Outcome(Ending.ERROR, None, reason, None, error)
