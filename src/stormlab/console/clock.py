"""Faults and interventions on one clock: each is a metric, a log line and a span event."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from stormlab.telemetry import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The begin or the end of one disturbance of a live run; ``at`` is s since the epoch."""

    fault: str
    kind: str
    target: str
    phase: str
    at: float

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells disturbances apart: target, fault, kind."""
        return self.target, self.fault, self.kind


class FaultClock:
    """Hears every moment; ``log`` is given one JSON line for each."""

    def __init__(self, log: Callable[[str], object] = lambda line: print(line, file=sys.stderr, flush=True)) -> None:
        self._active: dict[tuple[str, str, str], float] = {}
        self._known: dict[tuple[str, str, str], None] = {}
        self._log = log

    def hear(self, moment: Moment) -> None:
        key = moment.key
        self._known[key] = None
        if moment.phase == "begin":
            self._active[key] = moment.at
        else:
            self._active.pop(key, None)
        event = f"fault {moment.phase}"
        self._log(
            json.dumps(
                {
                    "event": event,
                    "fault": moment.fault,
                    "kind": moment.kind,
                    "target": moment.target,
                    "timestamp": moment.at,
                }
            )
        )

    def active(self) -> list[str]:
        return [fault for _, fault, _ in self._active]

    def endings(self) -> list[Moment]:
        """The ends, now, of all that is active: what is left to be heard when a run is over."""
        now = time.time()
        return [
            Moment(fault=fault, kind=kind, target=target, phase="end", at=now) for target, fault, kind in self._active
        ]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(names.FAULT_ACTIVE, "1 while a fault is active", labels=["service", "fault", "kind"])
        for key in self._known:
            family.add_metric(key, float(key in self._active))
        yield family


def span_of(moment: Moment) -> bytes:
    """A span of no length with the moment as its event, as an OTLP request."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    label = resource.resource.attributes.add()
    label.key, label.value.string_value = "service.name", "stormlab-faults"
    span = resource.scope_spans.add().spans.add()
    nanoseconds = int(moment.at * 1e9)
    span.trace_id, span.span_id, span.name = secrets.token_bytes(16), secrets.token_bytes(8), f"fault {moment.fault}"
    span.start_time_unix_nano = span.end_time_unix_nano = nanoseconds
    event = span.events.add()
    event.name, event.time_unix_nano = f"{moment.kind} on {moment.target}: {moment.phase}", nanoseconds
    encoded: bytes = request.SerializeToString()
    return encoded
