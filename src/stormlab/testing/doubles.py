"""Stand-ins for what surrounds a policy: a listener that remembers, a callee that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from stormlab.effects import Request
from stormlab.events import Event
from stormlab.outcome import Outcome

if TYPE_CHECKING:
    import simpy

    from stormlab.drivers.sim import Operation

E = TypeVar("E", bound=Event)

#: One answer: after how many s, and which.
Line: TypeAlias = tuple[float, Outcome]


class RecordingListener:
    """Keeps every event in ``events``, in order.

    Example:
        >>> from stormlab.events import RetryScheduled, StateChanged
        >>> listener = RecordingListener()
        >>> listener(RetryScheduled(now=0.5, edge="shop-stock", attempt=2, delay=0.1))
        >>> listener.of(RetryScheduled)[0].delay
        0.1
        >>> listener.of(StateChanged)
        []
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class ScriptedCallee:
    """Answers its n-th call, by whomever, after the n-th delay with the n-th outcome; the same on every driver.

    ``requests`` holds what it was called with. On asyncio the object itself is the operation.

    Example:
        >>> from stormlab import Pipeline
        >>> from stormlab.outcome import failure, success
        >>> from stormlab.policies import NoBackoff, Retry
        >>> from stormlab.testing import run_in_virtual_time
        >>> callee = ScriptedCallee([(0.2, failure("crashed")), (0.1, success("hello"))])
        >>> run_in_virtual_time(Pipeline([Retry(backoff=NoBackoff())]).call(callee))
        'hello'
        >>> [request.attempt for request in callee.requests]
        [1, 2]
    """

    def __init__(self, script: Iterable[Line]) -> None:
        self._script = iter(script)
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Outcome:
        delay, outcome = self._next(request)
        if delay > 0:
            await asyncio.sleep(delay)
        return outcome

    def blocking(self, request: Request) -> Outcome:
        """The operation for gevent."""
        import gevent

        delay, outcome = self._next(request)
        if delay > 0:
            gevent.sleep(delay)
        return outcome

    def simulated(self, env: simpy.Environment) -> Operation:
        """The operation for SimPy."""
        from stormlab.drivers.sim import Timer

        def operation(request: Request, reply: Callable[[Outcome], None]) -> Outcome | None:
            delay, outcome = self._next(request)
            if delay <= 0:
                return outcome
            Timer(env, delay, lambda _event: reply(outcome))
            return None

        return operation

    def _next(self, request: Request) -> Line:
        self.requests.append(request)
        line = next(self._script, None)
        if line is None:
            raise AssertionError(f"the script has {len(self.requests) - 1} lines and the callee was called once more")
        return line
