"""One error tree whose types say who is to blame, and what a process exits with."""

from __future__ import annotations


def how_to_install(extra: str = "") -> str:
    """The remedy where libraries are missing, those of ``extra`` or the ones that are always needed.

    It takes a clone: stormlab is in no package index.
    """
    wanted = f"'.[{extra}]'" if extra else "."
    return f"in a clone of stormlab: `make setup`, or `pip install -e {wanted}`"


class StormlabError(Exception):
    """Base of everything this library raises on purpose."""


class BadInput(StormlabError):
    """The caller gave something that cannot be used; the message names the place and the remedy. Exit status 2."""


class RunVoid(StormlabError):
    """A live run whose conditions were not what the scenario asked for; its figures must not be used. Exit status 3."""


class CallFailed(StormlabError):
    """A guarded call did not succeed.

    ``retry_after`` is the pause in seconds that the callee asked for, or ``None``.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message or type(self).__doc__ or "")
        self.retry_after = retry_after


class CalleeFailed(CallFailed):
    """The callee is to blame: it answered with a failure or broke the connection."""


class Overloaded(CalleeFailed):
    """The callee refused the call to protect itself (HTTP 429 or 503)."""


class TimedOut(CallFailed):
    """No answer within the time allowed."""


class Refused(CallFailed):
    """A policy on the caller's side did not let the call through; nothing was sent."""


class BadRequest(CallFailed):
    """The caller is to blame: the same call would fail again."""


class InvalidValue(BadInput, ValueError):
    """One named value is out of its range; a loader adds file and line to it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
