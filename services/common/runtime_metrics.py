"""Figures of the process itself, read when they are scraped: memory, running tasks, threads."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Metric

from services.common.logs import REQUESTS
from services.common.metrics import counter, gauge
from stormlab.telemetry import names

_STATM = Path("/proc/self/statm")


class RuntimeMetrics:
    """A Prometheus collector; tasks are those of the event loop that scrapes."""

    def __init__(self, *, service: str) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield gauge(names.MEMORY, "resident memory in bytes", self._service, resident_bytes())
        yield gauge(names.TASKS, "asyncio tasks that have not ended", self._service, running_tasks())
        dropped = 0 if REQUESTS.sampler is None else REQUESTS.sampler.dropped
        yield counter(names.LOG_DROPPED, "log lines that sampling left out", self._service, dropped)
        yield gauge(names.THREADS, "threads", self._service, threading.active_count())


def resident_bytes() -> int:
    """Memory of this process that is in use now; its highest so far where the system does not tell."""
    if _STATM.exists():
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def running_tasks() -> int:
    """Tasks of the running event loop; 0 outside of one."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
