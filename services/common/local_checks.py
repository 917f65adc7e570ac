"""Shallow checks: what this process needs of its own machine."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryFile

from services.common.health import Check, Finding, Status

#: Shares at which a resource is worth a warning, and at which it is about to run out.
WARN, FAIL = 0.80, 0.95
_MEMORY = Path("/proc/meminfo")
_OPEN_FILES = Path("/proc/self/fd")


def local_checks(folder: Path) -> list[Check]:
    """The folder takes files, and neither memory nor file descriptors run out."""
    return [
        Check(name="folder", ask=folder_check(folder)),
        Check(name="memory", ask=share_check(memory_share, "of the memory is in use")),
        Check(name="open-files", ask=share_check(open_file_share, "of the file descriptors are in use")),
    ]


def temporary_folder() -> Path:
    """Where a service that keeps no data writes files: TMPDIR, or the system's; whether it can be used is not asked."""
    return Path(os.environ.get("TMPDIR") or "/tmp")


def folder_check(folder: Path) -> Callable[[], Awaitable[Finding]]:
    """Writes a file into ``folder`` and reads it back; it has no name, so that nothing is left over or found there."""

    def try_it() -> Finding:
        content = secrets.token_bytes(16)
        try:
            with TemporaryFile(dir=folder, buffering=0) as file:
                file.write(content)
                file.seek(0)
                same = file.read() == content
        except OSError as error:
            return Finding(Status.FAILING, f"{folder}: {error.strerror}")
        return Finding(Status.HEALTHY) if same else Finding(Status.FAILING, f"{folder}: read back something else")

    async def ask() -> Finding:
        return await asyncio.to_thread(try_it)

    return ask


def share_check(share: Callable[[], float], words: str) -> Callable[[], Awaitable[Finding]]:
    """Judges a ``share`` (0 to 1) of something that must not run out."""

    async def ask() -> Finding:
        used = share()
        status = Status.FAILING if used >= FAIL else Status.WARNING if used >= WARN else Status.HEALTHY
        return Finding(status, f"{used:.0%} {words}")

    return ask


def memory_share() -> float:
    """Share of the machine's memory that is not available; 0 where the system does not tell."""
    if not _MEMORY.exists():
        return 0.0
    lines = (line.split() for line in _MEMORY.read_text().splitlines())
    kilobytes = {words[0].rstrip(":"): int(words[1]) for words in lines}
    return 1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]


def open_file_share() -> float:
    """Share of the file descriptors this process may have that are open; 0 where the system does not tell."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or not _OPEN_FILES.exists():
        return 0.0
    return sum(1 for _ in _OPEN_FILES.iterdir()) / limit
