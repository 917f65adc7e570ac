"""Two storages that hold the same, and the flag ``use-new-storage`` that says, for each read, which one answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from services.kv.ports import Reader
from stormlab.telemetry import names

USE_NEW_STORAGE = "use-new-storage"


class FlaggedReader:
    """Reads from ``new`` while ``use_new`` says so, else from ``old``."""

    def __init__(self, old: Reader, new: Reader, use_new: Callable[[], bool]) -> None:
        self._old, self._new, self._use_new = old, new, use_new
        self.old_reads = self.new_reads = 0

    async def read(self, key: str) -> bytes | None:
        if self._use_new():
            self.new_reads += 1
            return await self._new.read(key)
        self.old_reads += 1
        return await self._old.read(key)

    def changed(self, key: str) -> None:
        self._old.changed(key)
        self._new.changed(key)


class StorageMetrics:
    """A Prometheus collector: reads by the storage that answered them."""

    def __init__(self, reader: FlaggedReader, *, service: str) -> None:
        self._reader, self._service = reader, service

    def collect(self) -> Iterator[Metric]:
        name = names.STORAGE_READS.removesuffix("_total")
        family = CounterMetricFamily(name, "reads by storage", labels=["service", "storage"])
        family.add_metric([self._service, "old"], self._reader.old_reads)
        family.add_metric([self._service, "new"], self._reader.new_reads)
        yield family
