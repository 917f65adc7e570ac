"""Figures of the store, its log and its cache, read when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import Metric

from services.common.metrics import counter, gauge
from stormlab.telemetry import names

if TYPE_CHECKING:
    from services.kv.service import KeyValueService


class KeyValueMetrics:
    """A Prometheus collector for one service."""

    def __init__(self, service: KeyValueService, *, name: str) -> None:
        self._service, self._name = service, name

    def collect(self) -> Iterator[Metric]:
        service, name = self._service, self._name
        yield gauge(names.KEYS, "keys stored", name, len(service.store))
        if service.committer is not None:
            yield counter(names.LOG_COMMITS, "commits of the transaction log", name, service.committer.commits)
            yield counter(names.LOG_WRITES, "writes in those commits", name, service.committer.writes)
        if service.cache is not None:
            reads = service.cache.hits + service.cache.misses
            yield gauge(names.CACHE_ENTRIES, "values in the read cache", name, len(service.cache))
            yield gauge(names.CACHE_HIT_RATIO, "hits per read", name, service.cache.hits / reads if reads else 0)
            yield counter(names.CACHE_HITS, "reads answered by the cache", name, service.cache.hits)
            yield counter(names.CACHE_MISSES, "reads that went on to the backing store", name, service.cache.misses)
            yield counter(names.CACHE_EVICTIONS, "values that made room", name, service.cache.evictions)
