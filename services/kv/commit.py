"""Group commit: whatever arrives while one commit is under way goes into the next one together.

One ``fsync`` then pays for many writes, which is what keeps durable writes within reach of volatile ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import structlog

from services.kv.core import Store
from services.kv.model import Applied, Credit, Delete, LogUnavailable, Put, Write
from services.kv.ports import TransactionLog

#: Most writes, and most bytes of values, in one commit; a single larger write is a commit of its own.
MAX_GROUP = 4096
MAX_GROUP_BYTES = 1 << 26
Pending: TypeAlias = tuple[Write, "asyncio.Future[Applied]"]
logger = structlog.get_logger()


class GroupCommit:
    """Writes through ``log`` and applies to ``store`` on the event loop, in the order of the log."""

    def __init__(self, log: TransactionLog, store: Store) -> None:
        self._log, self._store = log, store
        self._pending: list[Pending] = []
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self.commits = 0
        self.writes = 0

    async def submit(self, write: Write) -> Applied:
        """Logs and applies ``write``; a caller that leaves does not stop it.

        Raises:
            LogUnavailable: it was not done.
        """
        if not self._log.blocks and self._task is None:
            self._record([write])
            applied = self._store.apply(write)
            if self._log.overgrown():
                self._start()
            return applied
        future: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()
        self._pending.append((write, future))
        if self._task is None:
            self._start()
        return await future

    async def probe(self) -> None:
        """Does what a commit does, between commits.

        Raises:
            LogUnavailable: a commit would fail.
        """
        await self._in_thread(self._log.probe)

    async def close(self) -> None:
        """Finishes what is pending and closes the log."""
        while self._task is not None:
            await self._task
        self._thread.shutdown()
        self._log.close()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        while True:
            if self._log.overgrown():
                await self._compact()
            if not self._pending:
                break
            group = self._next_group()
            try:
                await self._in_thread(self._record, [write for write, _ in group])
            except Exception as error:
                _fail(group, error)
            else:
                self._finish(group)
        self._task = None

    async def _compact(self) -> None:
        try:
            await self._in_thread(self._log.compact, self._store.snapshot())
        except LogUnavailable as error:
            logger.warning("compaction failed", error=str(error))

    async def _in_thread(self, function: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _next_group(self) -> list[Pending]:
        count = sum(1 for _ in _within(MAX_GROUP_BYTES, self._pending[:MAX_GROUP]))
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    def _record(self, writes: Sequence[Write]) -> None:
        for write in writes:
            match write:
                case Put(key, value):
                    self._log.write_put(key, value)
                case Delete(key):
                    self._log.write_delete(key)
                case Credit(key, amount, transaction):
                    self._log.write_credit(key, amount, transaction)
        self._log.commit()
        self.commits += 1
        self.writes += len(writes)

    def _finish(self, group: Sequence[Pending]) -> None:
        for write, future in group:
            applied = self._store.apply(write)
            if not future.done():
                future.set_result(applied)


def _within(limit: int, pending: Sequence[Pending]) -> Iterator[Pending]:
    """The first of ``pending``, and those after it until their values exceed ``limit`` bytes."""
    size = 0
    for position, item in enumerate(pending):
        size += len(item[0].value) if isinstance(item[0], Put) else 0
        if position and size > limit:
            return
        yield item


def _fail(group: Sequence[Pending], error: Exception) -> None:
    """Tells every caller; an error that no log should raise counts as the log being unavailable."""
    if not isinstance(error, LogUnavailable):
        logger.error("log failed", exc_info=error)
    for _, future in group:
        if not future.done():
            future.set_exception(LogUnavailable(str(error)))
