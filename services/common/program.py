"""The main program of a service: settings, logs, event loop, exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from services.common.logs import start_logs
from services.common.settings import SettingsT, read_settings
from stormlab.errors import BadInput, StormlabError


def main(name: str, kind: type[SettingsT], run: Callable[[SettingsT], Coroutine[Any, Any, None]]) -> int:
    """Runs the service ``name``; its exit status: 0 stopped, 1 failed, 2 bad input (said on standard error too)."""
    try:
        settings = read_settings(kind, sys.argv[1:], program=f"python -m services.{name}")
        start_logs(level=settings.log_level, service=name)
        uvloop.run(run(settings))
    except BadInput as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except StormlabError as error:
        structlog.get_logger().error("failed", error=str(error))
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
