"""The worker's side of a load: plays the share that the plan gives it, and reports once a second."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests.casting import Casting, loaders
from loadtests.conductor import JOB, LOCAL, SLICE
from loadtests.metrics import LoadMetrics, serve
from loadtests.options import Settings, metrics_address
from loadtests.performance import Performance
from loadtests.plan import Job
from loadtests.stage import STAGE
from stormlab.outcome import Outcome
from stormlab.telemetry.tracing import Tracing, chosen, start_tracing

logger = logging.getLogger("stormlab.load")

#: How often a worker reports, in s.
REPORT = 1.0


class Crew:
    """One process that makes load, for one run after the other."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._metrics: LoadMetrics | None = None
        self._tracing: Tracing | None = None
        self._fire: Callable[..., None] = environment.events.request.fire

    def begin(self, **_given: Any) -> None:
        """Start to play what the plan says, if there is one."""
        STAGE.performance = None
        text = getattr(self._environment.parsed_options, JOB, None)
        if text is None:
            return
        job, runner = Job.from_json(text), self._environment.runner
        share = job.shares.get(runner.client_id if isinstance(runner, WorkerRunner) else LOCAL)
        if share is None:
            logger.warning("this worker came after the load had been shared out; it has nothing to do")
            return
        self._observe(job.settings, share)
        casting = Casting(job.settings, loaders(self._environment))
        STAGE.performance = Performance(
            job, share, casting, told=self._told, metrics=self._metrics, tracing=self._tracing
        )
        STAGE.performance.start()
        if isinstance(runner, WorkerRunner):
            gevent.spawn(self._report, runner, STAGE.performance)

    def stopping(self, **_given: Any) -> None:
        performance, runner = STAGE.performance, self._environment.runner
        if performance is not None and not performance.done:
            performance.stop()
            if isinstance(runner, WorkerRunner):
                self._send(runner, performance)

    def quitting(self, **_given: Any) -> None:
        if self._tracing is not None:
            self._tracing.close()

    def _report(self, runner: WorkerRunner, performance: Performance) -> None:
        done = False
        while not done and STAGE.performance is performance:
            gevent.sleep(REPORT)
            done = performance.done
            self._send(runner, performance)

    def _send(self, runner: WorkerRunner, performance: Performance) -> None:
        words = {"share": performance.share, "epoch": performance.job.epoch}
        runner.send_message(SLICE, words | performance.take().packed())

    def _observe(self, settings: Settings, share: int) -> None:
        """Metrics and traces, once for each process and not before it is known which worker it is."""
        address = metrics_address(settings, share)
        if address is not None and self._metrics is None:
            self._metrics = LoadMetrics()
            serve(self._metrics, address[1], host=address[0])
        exporters = chosen(os.environ.get("OTEL_TRACES_EXPORTER", ""))
        if exporters and self._tracing is None:
            self._tracing = start_tracing("load", exporters=exporters, ratio=settings.trace_ratio)

    def _told(self, client: str, method: str, outcome: Outcome, seconds: float, sent: int) -> None:
        self._fire(
            request_type=method,
            name=client,
            response_time=seconds * 1000,
            response_length=sent,
            exception=None if outcome.ok else _failure(outcome.reason or outcome.ending.value),
            context={},
        )


@cache
def _failure(reason: str) -> RuntimeError:
    """Locust counts failures by their words."""
    return RuntimeError(reason)
