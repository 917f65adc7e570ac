"""The transaction log in one append-only file.

Durability is a choice: ``always`` syncs each commit before it is acknowledged, ``interval`` syncs every so often,
``never`` leaves it to the operating system. All three survive the death of the process; only ``always`` survives the
loss of power.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from services.kv.files import open_locked, sync_folder, write_all, write_snapshot
from services.kv.framing import COMMIT, MAGIC, encode_frame, encode_record, frames
from services.kv.growth import Growth
from services.kv.model import Credit, Delete, Event, LogCorrupt, LogUnavailable, Put, Write

if TYPE_CHECKING:
    from services.kv.settings import KvSettings

logger = structlog.get_logger()


class Durability(StrEnum):
    """When written data is forced to the disk."""

    ALWAYS = "always"
    INTERVAL = "interval"
    NEVER = "never"


class FileLog:
    """A transaction log at ``path``, which is created when it is missing and locked against a second process.

    Args:
        interval: s between syncs when durability is ``interval``.
        compact_after: bytes of history beyond the last snapshot that make compaction worth its while, or as many
            as the snapshot has if that is more; 0 never compacts.

    Raises:
        BadInput: the file cannot be opened, is in use, or is no transaction log.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = Durability.ALWAYS,
        interval: float = 0.1,
        compact_after: int = 0,
    ) -> None:
        self.path, self.durability = path, durability
        self.blocks = durability is Durability.ALWAYS
        self._file = open_locked(path)
        self._swap = threading.Lock()
        self._noted: list[bytes] = []
        self._sequence = 0
        self._growth = Growth(compact_after)
        self._growth.rewritten(len(MAGIC))
        self._broken: str | None = None
        self._closing = threading.Event()
        self._syncer: threading.Thread | None = None
        if durability is Durability.INTERVAL:
            self._syncer = threading.Thread(target=self._sync_often, args=(interval,), name="sync", daemon=True)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._growth.total

    def events(self) -> Iterator[Event]:
        """All committed writes; cuts off a torn tail and opens the log for writing.

        Raises:
            LogCorrupt: there is damage before the end; the message names file and offset.
        """
        yield from self._replay()
        self._cut_tail()
        if self._syncer is not None:
            self._syncer.start()

    def write_put(self, key: str, value: bytes) -> int:
        return self._note(Put(key, value))

    def write_delete(self, key: str) -> int:
        return self._note(Delete(key))

    def write_credit(self, key: str, amount: int, transaction: str) -> int:
        return self._note(Credit(key, amount, transaction))

    def commit(self) -> None:
        """Appends what was noted as one frame and, for ``always``, syncs it.

        Raises:
            LogUnavailable: the file takes no writes now, or not until a restart.
        """
        frame = encode_frame(self._noted)
        self._noted.clear()
        self._refuse_if_broken()
        self._append(frame)
        if self.durability is Durability.ALWAYS:
            self._sync()
        self._growth.total += len(frame)

    def overgrown(self) -> bool:
        return self._growth.overgrown()

    def compact(self, snapshot: Iterable[Write]) -> None:
        """Writes ``snapshot`` beside the file and moves it into its place once it is safe on disk."""
        self._refuse_if_broken()
        before = self._growth.total
        beside = self.path.with_name(self.path.name + ".compact")
        try:
            file = write_snapshot(beside, snapshot, sequence=self._sequence)
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            self._growth.rewritten(self._growth.total)
            raise LogUnavailable(f"cannot compact {self.path}: {error.strerror}") from error
        self._adopt(file)
        logger.info("compacted", path=str(self.path), before=before, after=self._growth.total)

    def probe(self) -> None:
        """Writes and syncs a file beside the log."""
        self._refuse_if_broken()
        beside = self.path.with_name(self.path.name + ".probe")
        try:
            beside.write_bytes(MAGIC)
            sync_folder(beside)
            beside.unlink()
        except OSError as error:
            raise LogUnavailable(f"cannot write beside {self.path}: {error.strerror}") from error

    def close(self) -> None:
        self._closing.set()
        if self._syncer is not None and self._syncer.is_alive():
            self._syncer.join()
        if self._broken is None:
            os.fsync(self._file)
        os.close(self._file)

    def _adopt(self, file: int) -> None:
        """Goes on in ``file``, which has taken the log's name."""
        with self._swap:
            os.close(self._file)
            self._file = file
        self._growth.rewritten(os.fstat(file).st_size)
        try:
            sync_folder(self.path)
        except OSError as error:
            self._broken = f"cannot sync the folder of {self.path}: {error.strerror}; restart the service"
            raise LogUnavailable(self._broken) from error

    def _note(self, write: Write) -> int:
        self._sequence += 1
        self._noted.append(encode_record(Event(self._sequence, write)))
        return self._sequence

    def _replay(self) -> Iterator[Event]:
        with mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            try:
                for frame in frames(view, len(MAGIC)):
                    self._growth.total, self._sequence = frame.end, max(self._sequence, frame.sequence)
                    if frame.marker != COMMIT:
                        self._growth.rewritten(frame.end)
                    yield from frame.events
            except LogCorrupt as error:
                raise LogCorrupt(f"{self.path}: {error}; restore a backup or cut the file there") from error

    def _cut_tail(self) -> None:
        size = os.fstat(self._file).st_size
        if size > self._growth.total:
            logger.warning(
                "torn tail cut off", path=str(self.path), offset=self._growth.total, bytes=size - self._growth.total
            )
            os.ftruncate(self._file, self._growth.total)
            os.fsync(self._file)

    def _refuse_if_broken(self) -> None:
        if self._broken is not None:
            raise LogUnavailable(self._broken)

    def _append(self, frame: bytes) -> None:
        """Writes at the end; a write that fails half-way is taken back."""
        try:
            write_all(self._file, frame)
        except OSError as error:
            try:
                os.ftruncate(self._file, self._growth.total)
            except OSError:
                self._broken = f"{self.path} could not be restored after a failed write; restart the service"
            raise LogUnavailable(f"cannot write {self.path}: {error.strerror}") from error

    def _sync(self) -> None:
        """Forces the file to disk; after a failure nobody knows what is there, so the log closes itself to writes."""
        try:
            with self._swap:
                os.fdatasync(self._file)
        except OSError as error:
            self._broken = f"cannot sync {self.path}: {error.strerror}; restart the service"
            logger.error("sync failed", path=str(self.path), error=str(error))
            raise LogUnavailable(self._broken) from error

    def _sync_often(self, interval: float) -> None:
        while not self._closing.wait(interval) and self._broken is None:
            try:
                self._sync()
            except LogUnavailable:
                return


def open_log(settings: KvSettings) -> FileLog:
    """The log that ``settings`` describe.

    Raises:
        BadInput: the file cannot be used.
    """
    return FileLog(
        settings.tlog_filename,
        durability=settings.tlog_durability,
        interval=settings.tlog_interval,
        compact_after=settings.tlog_compact_bytes,
    )
