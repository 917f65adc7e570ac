"""Live reload: what may change in a running service, told of by the operating system and found by polling.

New content that cannot be used is logged and ignored. Settings that are not live are named in the log and wait for a
restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Generic

import structlog
from watchfiles import awatch

from services.common.settings import ServiceSettings, SettingsT
from services.common.sources import Sources
from stormlab.errors import BadInput

Hear = Callable[[Any], None]
#: The settings of the service that runs in this process.
RUNNING: ContextVar[LiveSettings[Any] | None] = ContextVar("settings", default=None)
logger = structlog.get_logger()


class LiveSettings(Generic[SettingsT]):
    """The settings as they hold now; ``subscribe`` to hear of changes."""

    def __init__(self, sources: Sources[SettingsT], first: SettingsT | None = None) -> None:
        self._sources = sources
        self.now = sources.first() if first is None else first
        self._hear: list[Hear] = []

    def subscribe(self, hear: Hear) -> None:
        """``hear`` gets the settings now, and again whenever live ones have changed."""
        self._hear.append(hear)
        hear(self.now)

    async def look(self) -> None:
        """Reads all sources once and takes over what changed."""
        try:
            found = await asyncio.to_thread(self._sources.changed)
        except BadInput as error:
            logger.error("new settings ignored", error=str(error))
            return
        if found is not None:
            self._take(found)

    async def follow(self) -> None:
        """Looks whenever the system tells of a change of a file, and every ``config_poll`` s; until cancelled."""
        if not self._sources.any:
            return
        nudge = asyncio.Event()
        watching = asyncio.create_task(self._watch(nudge))
        try:
            while True:
                await self.look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(nudge.wait(), self._sources.poll)
                nudge.clear()
        finally:
            watching.cancel()

    def _take(self, found: SettingsT) -> None:
        changed = {name for name in type(found).model_fields if getattr(found, name) != getattr(self.now, name)}
        live, waiting = changed & found.live(), sorted(changed - found.live())
        if waiting:
            logger.warning("settings wait for a restart", names=waiting)
        if live:
            self.now = self.now.model_copy(update={name: getattr(found, name) for name in live})
            masked = self.now.masked()
            logger.warning("settings changed", settings={name: masked[name] for name in sorted(live)})
            for hear in self._hear:
                hear(self.now)

    async def _watch(self, nudge: asyncio.Event) -> None:
        """Folders are watched, since a file that is replaced is another file."""
        folders = {path.resolve().parent for path in self._sources.files}
        names = {path.name for path in self._sources.files}
        if not folders:
            return
        try:
            async for _ in awatch(
                *folders, watch_filter=lambda _, path: path.rpartition("/")[2] in names, debounce=50, recursive=False
            ):
                nudge.set()
        except OSError as error:
            logger.warning("no notification of changes, polling only", error=str(error))


def on_settings(settings: ServiceSettings, hear: Hear) -> None:
    """``hear`` gets ``settings`` now and, in a running service, whenever live ones have changed."""
    running = RUNNING.get()
    if running is None:
        hear(settings)
    else:
        running.subscribe(hear)
