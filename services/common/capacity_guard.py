"""The emulated capacity in front of an ASGI application, and its figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import Metric

from services.common.asgi import App, Receive, Scope, Send, header, refuse
from services.common.capacity import Capacity, Purged, QueueFull, WaitedTooLong
from services.common.deadline import deadline_of, hang_up
from services.common.metrics import counter, gauge
from services.common.settings import ServiceSettings
from stormlab.drivers.aio import Pipeline
from stormlab.drivers.asgi import AsgiGuard, when_to_come_back
from stormlab.drivers.server import EFFORT, effort_of
from stormlab.errors import Overloaded
from stormlab.telemetry import names

_EFFORT = names.EFFORT_HEADER.encode()


class CapacityGuard:
    """Each request waits for an emulated worker, holds it, and only then reaches the inner application."""

    def __init__(self, app: App, capacity: Capacity) -> None:
        self._app, self._capacity = app, capacity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = deadline_of(scope)
        try:
            at = await self._capacity.serve(effort=EFFORT.get(_asked(scope)))
        except QueueFull as full:
            return await _refuse(send, full, "all workers are busy and the queue is full")
        except WaitedTooLong as late:
            return await _refuse(send, late, "the request has waited longer than it may")
        except Purged as purged:
            if not purged.told:
                await hang_up(receive)
            return await refuse(send, 500, "purged", "the request was thrown away while it waited")
        try:
            return await self._app(scope, receive, send)
        finally:
            self._capacity.completed(at, deadline=deadline)


def counting(app: App, capacity: Capacity) -> App:
    """``app``, every request counted as it arrives."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        capacity.arrivals += 1
        await app(scope, receive, send)

    return counted


async def _refuse(send: Send, error: Overloaded, message: str) -> None:
    await refuse(send, 503, str(error), message, headers=when_to_come_back(error.retry_after))


def _asked(scope: Scope) -> float:
    """The effort that the caller asks for, where no guard has a say in it."""
    value = header(scope, _EFFORT)
    return 1.0 if value is None else effort_of(value.decode("latin-1"))


def guards_of(settings: ServiceSettings, capacity: Capacity) -> Pipeline | None:
    """The guards that the settings ask for, shared by all front ends of the service; ``None`` for none."""
    return Pipeline(settings.guards, seed=settings.seed, load=capacity) if settings.guards else None


def behind_guards(app: App, guards: Pipeline | None, capacity: Capacity) -> App:
    """``app`` behind the guards, if there are any."""
    return app if guards is None else AsgiGuard(app, guards, refused=capacity.refused)


class Figures(Protocol):
    """What is told of an emulated capacity, or of several together."""

    @property
    def arrivals(self) -> int: ...
    @property
    def completions(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def degraded(self) -> int: ...
    @property
    def wasted(self) -> int: ...
    @property
    def service_seconds(self) -> float: ...
    @property
    def waiting(self) -> int: ...
    @property
    def queue_limit(self) -> int: ...
    @property
    def busy(self) -> int: ...
    @property
    def workers(self) -> int: ...
    @property
    def speed(self) -> float: ...
    @property
    def per_second(self) -> float: ...


class CapacityMetrics:
    """A Prometheus collector that reads the figures of one capacity when it is scraped."""

    def __init__(self, capacity: Figures, *, service: str) -> None:
        self._capacity, self._service = capacity, service

    def collect(self) -> Iterator[Metric]:
        capacity, service = self._capacity, self._service
        yield gauge(names.QUEUE_DEPTH, "requests waiting for a worker", service, capacity.waiting)
        yield gauge(names.QUEUE_LIMIT, "requests that may wait", service, capacity.queue_limit)
        yield gauge(names.WORKERS_BUSY, "emulated workers at work", service, capacity.busy)
        yield gauge(names.WORKERS, "emulated workers", service, capacity.workers)
        yield gauge(names.SPEED, "speed of the workers, 1 as configured", service, capacity.speed)
        yield gauge(names.CAPACITY, "requests per second that can be finished", service, capacity.per_second)
        yield counter(names.ARRIVALS, "requests that came", service, capacity.arrivals)
        yield counter(names.COMPLETIONS, "requests worked off", service, capacity.completions)
        yield counter(names.REJECTED, "requests refused by the queue or a guard", service, capacity.rejected)
        yield counter(names.DEGRADED, "requests that got a cheaper answer", service, capacity.degraded)
        yield counter(names.WASTED, "requests worked off after their deadline", service, capacity.wasted)
        yield counter(names.SERVICE_SECONDS, "worker-seconds of finished work", service, capacity.service_seconds)
