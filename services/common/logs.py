"""Logs: one JSON object per line on standard output, unbuffered, sampled when there are too many of a kind."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from services.common.asgi import Scope
from services.common.tracing import with_trace_ids
from stormlab.telemetry.tracing import trace_ids

_ADMITTED = "_admitted"


@dataclass(slots=True)
class Sampler:
    """Per second lets through the first ``first`` of the same level and message, then every ``then``-th.

    ``first`` of 0 lets all through, ``then`` of 0 none beyond the first. At most ``kinds`` levels and messages are
    told apart within a second; more count as one.
    """

    first: int = 10
    then: int = 100
    kinds: int = 1000
    dropped: int = 0
    _second: int = -1
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def admits(self, now: float, level: str, message: str) -> bool:
        """Whether an event at ``now`` (s) goes through; one that does not is counted in ``dropped``."""
        if self.first == 0:
            return True
        if int(now) != self._second:
            self._second = int(now)
            self._counts.clear()
        kind = (level, message)
        if kind not in self._counts and len(self._counts) >= self.kinds:
            kind = ("", "")
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        admitted = count <= self.first or (self.then > 0 and (count - self.first) % self.then == 0)
        self.dropped += not admitted
        return admitted


class RequestLog:
    """One line for each request that its sampler admits; looks at level and sampler first, because lines are dear.

    It logs nothing until `start_logs`.
    """

    def __init__(self) -> None:
        self.sampler: Sampler | None = None
        self.number = logging.INFO

    def note(self, scope: Scope, route: str, method: str, status: int, seconds: float) -> None:
        """Logs the answer to one request: a warning from status 500 up."""
        level = logging.WARNING if status >= 500 else logging.INFO
        if level < self.number or self.sampler is None:
            return
        dropped = self.sampler.dropped
        if not self.sampler.admits(time.monotonic(), "request", str(level)):
            return
        span = scope.get("stormlab.span")
        ids = {} if span is None else trace_ids(span)
        structlog.get_logger().log(
            level, "request", **{_ADMITTED: dropped}, route=route, method=method, status=status, seconds=seconds, **ids
        )


REQUESTS = RequestLog()
_ANNOUNCER = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))


def start_logs(*, level: str, service: str, sampler: Sampler | None = None) -> None:
    """Sends the logs of this process, those of libraries included, to standard output from ``level`` up."""
    REQUESTS.sampler = sampler = sampler or Sampler()
    REQUESTS.number = number = logging.getLevelNamesMapping()[level]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        with_trace_ids,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[_sampled(sampler, time.monotonic), *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(lambda record: sampler.admits(time.monotonic(), record.levelname, str(record.msg)))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render], foreign_pre_chain=shared
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def set_level(level: str) -> None:
    """From now on logs from ``level`` up; of libraries, warnings at the least."""
    REQUESTS.number = number = logging.getLevelNamesMapping()[level]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
    logging.getLogger().setLevel(max(number, logging.WARNING))


def announce(event: str, **values: object) -> None:
    """Logs what whoever started this process waits for, whatever the level and however many lines there were."""
    passed = {} if REQUESTS.sampler is None else {_ADMITTED: REQUESTS.sampler.dropped}
    _ANNOUNCER.info(event, **passed, **values)


def _sampled(sampler: Sampler, clock: Callable[[], float]) -> structlog.typing.Processor:
    def processor(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        admitted = event.pop(_ADMITTED, None)
        dropped = sampler.dropped if admitted is None else admitted
        if admitted is None and not sampler.admits(clock(), method, str(event.get("event"))):
            raise structlog.DropEvent
        return event if not dropped else {**event, "dropped": dropped}

    return processor
