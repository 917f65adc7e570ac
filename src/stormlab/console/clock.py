"""Faults and interventions on one clock: each is a metric, a log line, a span event, an annotation."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from stormlab.telemetry import names

#: Where Grafana is, and the token with which annotations are written; unset: no annotations.
GRAFANA, TOKEN = "STORMLAB_GRAFANA_URL", "STORMLAB_GRAFANA_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The begin or the end of one disturbance of a live run; ``at`` is s since the epoch."""

    fault: str
    kind: str
    target: str
    phase: str
    at: float


class FaultClock:
    """Hears every moment; ``log`` is given one JSON line for each."""

    def __init__(self, log: Callable[[str], object] = lambda line: print(line, file=sys.stderr, flush=True)) -> None:
        self._active: dict[tuple[str, str, str], float] = {}
        self._known: dict[tuple[str, str, str], None] = {}
        self._log = log

    def hear(self, moment: Moment) -> None:
        key = (moment.target, moment.fault, moment.kind)
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

    def clear(self) -> None:
        """Nothing is active any more: the run is over."""
        for target, fault, kind in list(self._active):
            self.hear(Moment(fault=fault, kind=kind, target=target, phase="end", at=time.time()))

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(names.FAULT_ACTIVE, "1 while a fault is active", labels=["service", "fault", "kind"])
        for key in self._known:
            family.add_metric(key, float(key in self._active))
        yield family


async def annotate(moment: Moment, environment: Any = os.environ) -> None:
    """Writes the moment to Grafana (HTTP API, "Create annotation"), when its address is in the environment."""
    url = environment.get(GRAFANA)
    if not url:
        return
    body = {
        "time": int(moment.at * 1000),
        "tags": ["stormlab", moment.kind, moment.phase],
        "text": f"{moment.fault} ({moment.kind} on {moment.target}): {moment.phase}",
    }
    headers = {"Authorization": f"Bearer {environment[TOKEN]}"} if environment.get(TOKEN) else {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        try:
            async with session.post(f"{url.rstrip('/')}/api/annotations", json=body, headers=headers) as answer:
                answer.raise_for_status()
        except (TimeoutError, aiohttp.ClientError) as error:
            print(json.dumps({"event": "annotation not written", "error": str(error)}), file=sys.stderr, flush=True)


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
