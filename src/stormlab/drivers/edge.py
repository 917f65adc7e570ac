"""Where exceptions become outcomes and outcomes exceptions: what the front ends of all drivers have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from types import FunctionType, MethodType, TracebackType
from typing import Any, TypeAlias

from stormlab import errors
from stormlab.effects import Request
from stormlab.events import AttemptEnded, AttemptStarted, Listener, ignore
from stormlab.outcome import Ending, Outcome, success
from stormlab.policies.base import Load, NoQueue, Policy, Scope, compose, describe

#: Says what an exception means, or ``None`` to leave it to :func:`classify`.
Classifier: TypeAlias = Callable[[Exception], Outcome | None]

#: How an attempt ends whose caller did not wait for it.
CUT_OFF = Outcome(Ending.TIMEOUT, reason="cut-off")

_ENDINGS: tuple[tuple[type[Exception], Ending], ...] = (
    (errors.Overloaded, Ending.OVERLOADED),
    (errors.TimedOut, Ending.TIMEOUT),
    (errors.Refused, Ending.REFUSED),
    (errors.BadRequest, Ending.INVALID),
    (errors.BadInput, Ending.INVALID),
    (TimeoutError, Ending.TIMEOUT),
)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def classify(error: Exception) -> Outcome:
    """What an exception means when nobody knows better: our own error tree by its types, the rest a failed callee.

    Unknown exceptions are held for passing failures, since HTTP and database clients bring error types of their own.
    """
    ending = next((ending for kind, ending in _ENDINGS if isinstance(error, kind)), Ending.ERROR)
    retry_after = error.retry_after if isinstance(error, errors.CallFailed) else None
    return Outcome(ending, None, type(error).__name__, retry_after, error)


def as_outcome(answer: Any) -> Outcome:
    """An answer of the guarded operation; an :class:`Outcome` is taken as it is."""
    return answer if isinstance(answer, Outcome) else success(answer)


def deliver(outcome: Outcome) -> Any:
    """The value of a success.

    Raises:
        Exception: the one that was caught, as itself, if one was.
        stormlab.errors.CallFailed: otherwise; its type says who is to blame.
    """
    if outcome.error is not None and not outcome.ok:
        raise outcome.error
    return outcome.raise_or_return()


def takes_request(fn: Callable[..., Any]) -> bool:
    """Whether ``fn`` has one required positional parameter (it gets the request) or none.

    Raises:
        stormlab.errors.BadInput: it has more.
    """
    required = _required(fn)
    if required > 1:
        raise errors.BadInput(f"{fn!r} needs {required} arguments; give a callable of none, or of one: the request")
    return required == 1


def _required(fn: Callable[..., Any]) -> int:
    if isinstance(fn, MethodType):
        return _required(fn.__func__) - 1
    if isinstance(fn, FunctionType) and not hasattr(fn, "__wrapped__"):
        return fn.__code__.co_argcount - len(fn.__defaults__ or ())
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # a callable of C that does not tell
        return 0
    return sum(each.default is each.empty and each.kind in _POSITIONAL for each in parameters)


class Attempt:
    """One attempt in a ``with`` block: tells the listener of start and end, and turns exceptions into an outcome.

    Cancellation (anything that is no :class:`Exception`) passes through and leaves ``outcome`` at "cut-off".
    """

    __slots__ = ("_clock", "_front", "_number", "_started", "outcome")

    def __init__(self, front: Front, clock: Callable[[], float], request: Request) -> None:
        self._front = front
        self._clock = clock
        self._number = request.attempt
        self.outcome = CUT_OFF

    def __enter__(self) -> Attempt:
        self._started = self._clock()
        front = self._front
        front.listener(AttemptStarted(self._started, front.edge, self._number))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        front, now = self._front, self._clock()
        expected = isinstance(error, Exception)
        if isinstance(error, Exception):
            self.outcome = front.judge(error)
        front.listener(AttemptEnded(now, front.edge, self._number, now - self._started, self.outcome))
        return expected


class Front:
    """Policies bound together around one operation, outermost first; drivers add how to run them.

    State (budgets, breakers, limits) belongs to the pipeline: use one for each callee, shared by all who call it.

    Args:
        policies: outermost first. ``str()`` of the pipeline shows the order as an arrow chain.
        seed: of the random stream that jitter draws from; ``None`` for a different one each time.
        listener: is given every event; it must not block.
        edge: the name of this caller-callee edge in events.
        classify: says what an exception of the guarded operation means; see :data:`Classifier`.
        load: the queue of the server that is guarded, if it has one.
    """

    def __init__(
        self,
        policies: Sequence[Policy] = (),
        *,
        seed: int | None = None,
        listener: Listener = ignore,
        edge: str = "",
        classify: Classifier | None = None,
        load: Load | None = None,
    ) -> None:
        self.policies = tuple(policies)
        self.listener = listener
        self.edge = edge
        self._classify = classify
        scope = Scope(random=Random(seed), listener=listener, edge=edge, load=load or NoQueue())
        self.strategy = compose(self.policies, scope)

    def __str__(self) -> str:
        return describe(self.policies)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.edge + ': ' if self.edge else ''}{self}>"

    def judge(self, error: Exception) -> Outcome:
        """What an exception of the guarded operation means here."""
        outcome = self._classify(error) if self._classify is not None else None
        if outcome is None:
            return classify(error)
        return outcome if outcome.ok or outcome.error is not None else replace(outcome, error=error)
