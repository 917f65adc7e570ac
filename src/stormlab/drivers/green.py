"""Interprets strategies on gevent, inside the greenlet of whoever calls; only races start greenlets of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import gevent

from stormlab.drivers.edge import Attempt, Classifier, Front, as_outcome, deliver, takes_request
from stormlab.effects import PLAIN, Call, Effect, Race, Request, Sleep, Steps, Within
from stormlab.events import Listener, ignore
from stormlab.outcome import SUCCESS, TIMED_OUT, Outcome
from stormlab.policies.base import Policy

P = ParamSpec("P")
T = TypeVar("T")
Operation: TypeAlias = Callable[[Request], Outcome]
Clock: TypeAlias = Callable[[], float]


def interpret(steps: Steps, operation: Operation, clock: Clock) -> Outcome:
    """Run started steps to their end; when this greenlet is killed they are closed, so that permits come back.

    Args:
        steps: what ``strategy(clock(), request)`` returned.
        operation: does the guarded operation once; failures are outcomes, not exceptions.
        clock: the time in s.
    """
    try:
        effect = next(steps)
        while True:
            outcome = _perform(effect, operation, clock)
            effect = steps.send((clock(), outcome))
    except StopIteration as stop:
        return stop.value[1]  # type: ignore[no-any-return]
    finally:
        steps.close()


def _perform(effect: Effect, operation: Operation, clock: Clock) -> Outcome:
    match effect:
        case Call(request):
            return operation(request)
        case Sleep(seconds):
            gevent.sleep(seconds)
            return SUCCESS
        case Within(seconds, steps):
            return _within(seconds, steps, operation, clock)
        case Race():
            return _race(effect, operation, clock)


def _within(seconds: float, steps: Steps, operation: Operation, clock: Clock) -> Outcome:
    limit = gevent.Timeout.start_new(seconds)
    try:
        return interpret(steps, operation, clock)
    except gevent.Timeout as expired:
        if expired is not limit:
            raise
        return TIMED_OUT
    finally:
        limit.close()


def _race(effect: Race, operation: Operation, clock: Clock) -> Outcome:
    lanes = [gevent.spawn(interpret, effect.first, operation, clock)]
    try:
        gevent.wait(lanes, timeout=effect.delay)
        if _won(lanes[0]):
            return lanes[0].get()
        lanes.append(gevent.spawn(interpret, effect.second(clock()), operation, clock))
        finished = lanes[0]
        for finished in gevent.iwait(lanes):
            if _won(finished):
                break
        return finished.get()
    finally:
        gevent.killall(lanes)


def _won(lane: gevent.Greenlet[..., Outcome]) -> bool:
    return lane.ready() and lane.get().ok


class Pipeline(Front):
    """Policies around blocking operations in greenlets: the calls of a Locust user, for one.

    The arguments are those of :class:`~stormlab.drivers.edge.Front`, and a clock in s. An operation is cut off by an
    exception at the point where it waits (``gevent.Timeout``, no subclass of ``Exception``), so it must wait in ways
    that gevent knows.
    """

    def __init__(
        self,
        policies: Sequence[Policy] = (),
        *,
        seed: int | None = None,
        listener: Listener = ignore,
        edge: str = "",
        classify: Classifier | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(policies, seed=seed, listener=listener, edge=edge, classify=classify)
        self._clock = clock

    def call(self, fn: Callable[[], T] | Callable[[Request], T], *, request: Request = PLAIN) -> T:
        """Do ``fn`` under the policies and return its answer; as in :meth:`stormlab.drivers.aio.Pipeline.call`.

        ``request.deadline`` is in s on the pipeline's clock, by default :func:`time.monotonic`.

        Raises:
            Exception: what the last attempt raised, as itself.
            stormlab.errors.CallFailed: when nothing was raised: a time-out, or a policy refused.
        """
        return deliver(self.outcome(fn, request=request))  # type: ignore[no-any-return]

    def outcome(self, fn: Callable[[], T] | Callable[[Request], T], *, request: Request = PLAIN) -> Outcome:
        """As :meth:`call`, with failures as values."""
        clock = self._clock
        attempted: Callable[..., Any] = fn
        passes_request = takes_request(fn)

        def operation(request: Request) -> Outcome:
            with Attempt(self, clock, request) as attempt:
                attempt.outcome = as_outcome(attempted(request) if passes_request else attempted())
            return attempt.outcome

        return interpret(self.strategy(clock(), request), operation, clock)

    def guard(self, fn: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function so that every call of it goes through the policies."""

        @wraps(fn)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return self.call(lambda: fn(*args, **kwargs))

        return guarded
