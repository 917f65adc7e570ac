"""One client of a load: its requests under its policies, each a span that the traces of the services hang from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from loadtests.answers import headers_of
from loadtests.asks import Ask
from loadtests.transports import Transport
from stormlab.drivers.edge import CUT_OFF
from stormlab.drivers.green import interpret
from stormlab.effects import Request
from stormlab.events import AttemptEnded, Listener
from stormlab.outcome import Outcome
from stormlab.policies import Policy, Scope, compose
from stormlab.telemetry import names
from stormlab.telemetry.tracing import Tracing, propagate


class Caller:
    """Calls one service; state of the policies belongs to it, so there is one for each client and process.

    Args:
        clock: the time in s.
        attempted: is told of every attempt when it starts, with the time.
        listener: is given the events of the policies and the end of every attempt; ``None`` costs nothing.
        tracing: ``None`` passes no trace context on.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        policies: Sequence[Policy],
        *,
        random: Random,
        clock: Callable[[], float],
        attempted: Callable[[float], None],
        listener: Listener | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.name = name
        self._transport, self._clock, self._attempted = transport, clock, attempted
        self._listener, self._tracing = listener, tracing
        scope = (
            Scope(random=random, edge=name) if listener is None else Scope(random=random, edge=name, listener=listener)
        )
        self._strategy = compose(policies, scope) if policies else None

    def call(self, ask: Ask, request: Request) -> tuple[Outcome, int]:
        """Do what ``ask`` says under the policies; the outcome and how many attempts it took."""
        attempts, clock = 0, self._clock
        span = None if self._tracing is None else self._tracing.entry(self.name, kind=SpanKind.INTERNAL)

        def operation(request: Request) -> Outcome:
            nonlocal attempts
            attempts += 1
            return self._attempt(ask, request, span)

        try:
            if self._strategy is None:
                outcome = operation(request)
            else:
                outcome = interpret(self._strategy(clock(), request), operation, clock)
            _mark(span, outcome)
        finally:
            if span is not None:
                span.end()
        return outcome, attempts

    def _attempt(self, ask: Ask, request: Request, span: Span | None) -> Outcome:
        began = self._clock()
        self._attempted(began)
        headers = headers_of(request, began)
        if span is None and self._listener is None:
            return self._transport.exchange(ask, headers)
        child = self._child(ask, request, span)
        if child is not None:
            propagate(child, headers)
        outcome = CUT_OFF
        try:
            outcome = self._transport.exchange(ask, headers)
            return outcome
        finally:
            if child is not None and child is not span:
                _mark(child, outcome)
                child.end()
            if self._listener is not None:
                now = self._clock()
                self._listener(AttemptEnded(now, self.name, request.attempt, now - began, outcome))

    def _child(self, ask: Ask, request: Request, span: Span | None) -> Span | None:
        if self._tracing is None or span is None or not span.is_recording():
            return span
        attributes: dict[str, AttributeValue] = {
            names.ATTRIBUTE_METHOD: ask.method,
            names.ATTRIBUTE_ATTEMPT: request.attempt,
        }
        return self._tracing.child(ask.method, span, kind=SpanKind.CLIENT, attributes=attributes)


def _mark(span: Span | None, outcome: Outcome) -> None:
    if span is not None and span.is_recording():
        span.set_attribute(names.ATTRIBUTE_ENDING, outcome.ending.value)
        if not outcome.ok:
            span.set_status(Status(StatusCode.ERROR, outcome.reason or outcome.ending.value))
