"""The main program of a service: settings, logs, event loop, exit status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from services.common.logs import Sampler, set_level, start_logs
from services.common.reload import RUNNING, LiveSettings
from services.common.settings import ServiceSettings, SettingsT, local_layers
from services.common.sources import Sources
from stormlab.errors import BadInput, StormlabError


def main(name: str, kind: type[SettingsT], run: Callable[[SettingsT], Coroutine[Any, Any, None]]) -> int:
    """Runs the service ``name``; its exit status: 0 stopped, 1 failed, 2 bad input (said on standard error too)."""
    try:
        sources = Sources(kind, local_layers(kind, sys.argv[1:], program=f"python -m services.{name}"))
        sampler = Sampler()
        start_logs(level="INFO", service=name, sampler=sampler)
        live = LiveSettings(sources)
        live.subscribe(lambda settings: _log_as(settings, sampler))
        RUNNING.set(live)
        uvloop.run(_beside(run(live.now), live))
    except BadInput as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except StormlabError as error:
        structlog.get_logger().error("failed", error=str(error))
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


async def _beside(service: Coroutine[Any, Any, None], live: LiveSettings[Any]) -> None:
    following = asyncio.create_task(live.follow())
    try:
        await service
    finally:
        following.cancel()


def _log_as(settings: ServiceSettings, sampler: Sampler) -> None:
    sampler.first, sampler.then = settings.log_first, settings.log_then
    set_level(settings.log_level)
