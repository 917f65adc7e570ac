"""Faults per request: answer with an error, or answer late, with a probability, drawn from a seeded stream.

Network proxies draw once per connection; with connections that are kept open that is not a share of requests.
Hence this layer inside the service, which also counts what it did so that a dose can be checked.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal, Self

from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.common.asgi import App, Receive, Scope, Send, refuse
from stormlab.errors import BadInput
from stormlab.telemetry import names

MAX_FAULTS = 100
MAX_DELAY = 600.0
_MAX_NAME = 100
_MAX_KNOWN = 1000


class FaultKind(StrEnum):
    """What happens to a request that is hit."""

    ERROR = "error"
    DELAY = "delay"


class FaultSpec(BaseModel):
    """One fault as the administration interface takes it.

    Args:
        kind: ``error`` answers ``status`` at once; ``delay`` waits ``delay`` s and then goes on.
        probability: of hitting an eligible request, 0 to 1.
        status: HTTP status of an error, 400 to 599.
        delay: s, above 0 and at most 600; only for, and required by, ``delay``.
        route: only requests of this route (``/v1/{key}``) are eligible; all when absent.
        method: only requests of this method (``RPC`` over gRPC) are eligible; all when absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    status: Annotated[int, Field(ge=400, le=599)] = 503
    delay: Annotated[float, Field(ge=0, le=MAX_DELAY)] = 0.0
    route: str | None = None
    method: Literal["GET", "PUT", "POST", "DELETE", "RPC"] | None = None

    @model_validator(mode="after")
    def _delay_belongs_to_delay(self) -> Self:
        if (self.kind is FaultKind.DELAY) != (self.delay > 0):
            raise ValueError("a fault of kind delay needs a delay above 0 s, one of kind error takes none")
        return self


@dataclass(slots=True)
class ActiveFault:
    """A fault with its own random stream and its dose so far."""

    spec: FaultSpec
    rng: random.Random
    eligible: int = 0
    injected: int = 0

    def hits(self, *, route: str, method: str) -> bool:
        """Whether the fault strikes this request; counts it when it is eligible."""
        spec = self.spec
        if spec.route not in (None, route) or spec.method not in (None, method):
            return False
        self.eligible += 1
        if self.rng.random() >= spec.probability:
            return False
        self.injected += 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults that are active in one service, by name, in order of their names."""

    service: str
    registry: CollectorRegistry
    seed: int = 0
    active: dict[str, ActiveFault] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set, repr=False)
    _injected: Counter = field(init=False, repr=False)
    _eligible: Counter = field(init=False, repr=False)
    _gauge: Gauge = field(init=False, repr=False)

    def __post_init__(self) -> None:
        labels = ["service", "fault", "kind"]
        self._injected = Counter(names.FAULTS_INJECTED, "requests hit by a fault", labels, registry=self.registry)
        self._eligible = Counter(names.FAULT_ELIGIBLE, "requests a fault could hit", labels, registry=self.registry)
        self._gauge = Gauge(names.FAULT_ACTIVE, "1 while a fault is active", labels, registry=self.registry)

    def put(self, name: str, spec: FaultSpec) -> ActiveFault:
        """Activates ``name``, or replaces it with a fresh stream and counters from zero.

        Raises:
            BadInput: there are 100 faults already, there have been 1000 names (each keeps its counters), or the
                name is empty or longer than 100 characters.
        """
        if not 0 < len(name) <= _MAX_NAME:
            raise BadInput(f"a fault's name has 1 to {_MAX_NAME} characters")
        if name not in self.active and len(self.active) >= MAX_FAULTS:
            raise BadInput(f"{MAX_FAULTS} faults are active already; remove one first")
        if len(self._known | {name}) > _MAX_KNOWN:
            raise BadInput(f"{_MAX_KNOWN} faults have had names of their own; use one of these names again")
        self._known.add(name)
        self.remove(name)
        fault = ActiveFault(spec, random.Random(f"{self.seed}:fault:{name}"))
        self.active = dict(sorted({**self.active, name: fault}.items()))
        for metric in (self._injected, self._eligible):
            metric.labels(self.service, name, spec.kind)
        self._gauge.labels(self.service, name, spec.kind).set(1)
        return fault

    def remove(self, name: str) -> bool:
        """Ends ``name``; whether it was active."""
        fault = self.active.pop(name, None)
        if fault is not None:
            self._gauge.labels(self.service, name, fault.spec.kind).set(0)
        return fault is not None

    def struck(self, *, route: str, method: str) -> list[FaultSpec]:
        """The faults that strike this request."""
        return [fault.spec for name, fault in self.active.items() if self._draw(name, fault, route, method)]

    def _draw(self, name: str, fault: ActiveFault, route: str, method: str) -> bool:
        eligible = fault.eligible
        hit = fault.hits(route=route, method=method)
        labels = (self.service, name, fault.spec.kind)
        if fault.eligible > eligible:
            self._eligible.labels(*labels).inc()
        if hit:
            self._injected.labels(*labels).inc()
        return hit


class FaultGuard:
    """Lets the active faults strike before the inner application sees the request."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._faults.active:
            span = scope.get("stormlab.span")
            if span is not None and span.is_recording():
                span.set_attribute(names.ATTRIBUTE_FAULTS, list(self._faults.active))
            struck = self._faults.struck(route=scope["stormlab.route"], method=scope["method"])
            if delay := sum(spec.delay for spec in struck):
                await asyncio.sleep(delay)
            errors = [spec.status for spec in struck if spec.kind is FaultKind.ERROR]
            if errors:
                return await refuse(send, errors[0], "fault-injected", "a fault was injected on purpose")
        return await self._app(scope, receive, send)
