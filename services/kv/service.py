"""The parts of the key-value service that its front ends share, and its life from start to SIGTERM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import structlog
from prometheus_client import CollectorRegistry

from services.common.admin import admin_app
from services.common.asgi import App
from services.common.capacity import Capacity, CapacitySpec
from services.common.capacity_guard import CapacityMetrics, guards_of
from services.common.faults import Faults
from services.common.flags import Flags
from services.common.health import Check, Checkup, Finding, Status
from services.common.local_checks import local_checks, temporary_folder
from services.common.metrics import RequestCounts
from services.common.plugins import load_adapter
from services.common.reload import on_settings
from services.common.runtime_metrics import RuntimeMetrics
from services.common.service_time import ServiceTime
from services.common.serving import Front, HttpFront, bind, serve
from services.common.tracing import tracing_of
from services.kv.cache import CachedReader, SlowReader
from services.kv.commit import GroupCommit
from services.kv.core import MapReader, Store
from services.kv.metrics import KeyValueMetrics
from services.kv.model import Limits, LogUnavailable
from services.kv.ports import Reader, TransactionLog
from services.kv.settings import KvSettings
from services.kv.sharding import ShardedMap
from services.kv.storage import USE_NEW_STORAGE, FlaggedReader, StorageMetrics

NAME = "kv"
FRONTS = {"rest": "services.kv.rest:front", "grpc": "services.kv.rpc:front"}
LOGS = {
    "file": "services.kv.file_log:open_log",
    "postgres": "services.kv.postgres_log:open_log",
    "plugin": "services.kv.plugin_log:open_log",
}
#: s between two attempts to read the history while the log is not available.
_RETRY = 0.5
logger = structlog.get_logger()


class KeyValueService:
    """What the front ends and the administration work on."""

    def __init__(self, settings: KvSettings) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        self.counts = RequestCounts(service=NAME, registry=self.registry) if settings.telemetry == "on" else None
        self.tracing = tracing_of(NAME, settings)
        self.capacity = Capacity(settings.capacity())
        self.guards = guards_of(settings, self.capacity)
        self.registry.register(RuntimeMetrics(service=NAME))
        self.registry.register(CapacityMetrics(self.capacity, service=NAME))
        self.faults = Faults(NAME, self.registry, settings.seed)
        self.flags = Flags(NAME, settings.known_flags)
        on_settings(settings, self._apply)
        self.cache: CachedReader | None = None
        self.committer: GroupCommit | None = None
        self.store = self._store()
        self.registry.register(KeyValueMetrics(self, name=NAME))
        history = Check(name="history", ask=self._history)
        self.shallow = Checkup([history, *local_checks(_folder(settings))])
        self.deep = Checkup([history, Check(name="log", ask=self._log), Check(name="read", ask=self._read)])

    async def open(self, log: TransactionLog) -> None:
        """Reads the history, waiting for it as long as it takes; takes writes from then on.

        Raises:
            LogCorrupt: the history is damaged.
        """
        while True:
            try:
                count = await asyncio.to_thread(self.store.restore, log.events())
                break
            except LogUnavailable as error:
                logger.warning("history not available", error=str(error))
                self.store.clear()
                await asyncio.sleep(_RETRY)
        logger.info("replayed", events=count, keys=len(self.store))
        self.committer = GroupCommit(log, self.store)
        self.store.open(self.committer)

    async def close(self) -> None:
        """Finishes what is pending, closes the log and sends what traces were recorded."""
        if self.committer is not None:
            await self.committer.close()
        await asyncio.to_thread(self.tracing.close)

    def admin(self) -> App:
        """The application of the administration port."""
        clear = {} if self.cache is None else {"/cache": self.cache.clear}
        return admin_app(self.faults, self.capacity, clear)

    def _store(self) -> Store:
        settings = self.settings
        values = {} if settings.shards == 1 else ShardedMap(settings.shards)
        copies = [ShardedMap(settings.new_storage_shards)] if settings.new_storage_shards else []
        reader: Reader = MapReader(values)
        if copies:
            flagged = FlaggedReader(reader, MapReader(copies[0]), lambda: self.flags.on(USE_NEW_STORAGE))
            self.registry.register(StorageMetrics(flagged, service=NAME))
            reader = flagged
        if settings.backing_workers:
            reader = SlowReader(reader, Capacity(backing(settings)))
        if settings.cache_capacity:
            reader = self.cache = CachedReader(reader, settings.cache_capacity)
        limits = Limits(
            key=settings.max_key_length, value=settings.max_value_bytes, transactions=settings.max_transactions
        )
        return Store(values, limits=limits, reader=reader, copies=copies)

    def _apply(self, settings: KvSettings) -> None:
        """Takes over the live settings."""
        self.flags.configure(settings)
        self.tracing.record(settings.otel_traces_sampler_arg)
        self.capacity.configure(settings.workers)

    async def _history(self) -> Finding:
        if self.store.is_open:
            return Finding(Status.HEALTHY, f"{len(self.store)} keys")
        return Finding(Status.FAILING, "the history has not been read yet")

    async def _log(self) -> Finding:
        if self.committer is None:
            return Finding(Status.FAILING, "the log is not open")
        await self.committer.probe()
        return Finding(Status.HEALTHY)

    async def _read(self) -> Finding:
        await self.store.probe()
        return Finding(Status.HEALTHY)


def backing(settings: KvSettings) -> CapacitySpec:
    """The capacity of the backing store behind the cache."""
    return CapacitySpec(
        workers=settings.backing_workers,
        service_time=ServiceTime.parse(settings.backing_time),
        queue_limit=settings.backing_queue_limit,
        seed=settings.seed + 1,
    )


async def run(settings: KvSettings) -> None:
    """Runs the service until SIGTERM.

    Raises:
        BadInput: an address, an adapter or the transaction log cannot be used.
        LogCorrupt: the transaction log is damaged.
    """
    logger.info("starting", settings=settings.masked())
    service = KeyValueService(settings)
    async with AsyncExitStack() as stack:
        fronts = [_front(name)(service) for name in settings.front_names()]
        if settings.admin_port is not None:
            sock = bind("127.0.0.1", settings.admin_port, settings="ADMIN_PORT")
            fronts.append(HttpFront("admin", sock, service.admin()))
        open_log = load_adapter("stormlab.kv.logs", settings.tlog_type, LOGS, setting="TLOG_TYPE")
        log = cast(Callable[[KvSettings], TransactionLog], open_log)(settings)
        stack.push_async_callback(service.close)
        opening = asyncio.create_task(service.open(log))
        stack.callback(opening.cancel)
        await serve(fronts, grace=settings.grace, beside=opening)
    logger.info("stopped")


def _front(name: str) -> Callable[[KeyValueService], Front]:
    adapter = load_adapter("stormlab.kv.fronts", name, FRONTS, setting="FRONTEND_TYPE")
    return cast(Callable[[KeyValueService], Front], adapter)


def _folder(settings: KvSettings) -> Path:
    """Where this process writes: beside its transaction file, if it keeps one."""
    return settings.tlog_filename.parent if settings.tlog_type == "file" else temporary_folder()
