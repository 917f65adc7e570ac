"""What the transaction log asks of the file system: locked opening, whole writes, snapshots, durable names."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.kv.framing import MAGIC, SNAPSHOT, encode_end, encode_frame, encode_record
from services.kv.model import Event, Write
from stormlab.errors import BadInput

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_FRAME_BYTES = 1 << 20


def open_locked(path: Path) -> int:
    """A descriptor of the log at ``path``, created when missing and locked against a second process.

    Raises:
        BadInput: the file cannot be opened, is in use, or is no transaction log.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise BadInput(f"cannot open {path}: {error.strerror}; choose another TLOG_FILENAME") from error
    try:
        _lock(file, path)
        _check_magic(file, path)
    except BaseException:
        os.close(file)
        raise
    return file


def write_snapshot(path: Path, snapshot: Iterable[Write], *, sequence: int) -> int:
    """A locked descriptor of a new log at ``path`` that begins with ``snapshot`` and is safe on disk."""
    path.unlink(missing_ok=True)
    file = os.open(path, _FLAGS, 0o600)
    try:
        _lock(file, path)
        write_all(file, MAGIC)
        for group in _grouped(encode_record(Event(sequence, write)) for write in snapshot):
            write_all(file, encode_frame(group, marker=SNAPSHOT))
        write_all(file, encode_end(sequence))
        os.fsync(file)
    except BaseException:
        os.close(file)
        raise
    return file


def write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def sync_folder(path: Path) -> None:
    """Makes the name of ``path`` durable."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lock(file: int, path: Path) -> None:
    """Locks the file, and makes sure that it still is the one with this name: compaction replaces it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        same = False
    if not same:
        raise BadInput(f"{path} is in use by another process; choose another TLOG_FILENAME")


def _check_magic(file: int, path: Path) -> None:
    start = os.pread(file, len(MAGIC), 0)
    if not MAGIC.startswith(start):
        raise BadInput(f"{path} is no transaction log; choose another TLOG_FILENAME")
    if len(start) < len(MAGIC):
        os.ftruncate(file, 0)
        write_all(file, MAGIC)
        os.fsync(file)
        sync_folder(path)


def _grouped(encoded: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Groups of at least a mebibyte, so that frames stay small and few."""
    group: list[bytes] = []
    size = 0
    for record in encoded:
        group.append(record)
        size += len(record)
        if size >= _FRAME_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
