"""The server as a program: it says when it listens, and ends at once when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stormlab.chaos.server.registry import ApiError, Body, Limits, Registry
from stormlab.errors import BadInput, how_to_install

if TYPE_CHECKING:
    from aiohttp.web import Application

DEFAULT_PORT: Final = 8474

Announce = Callable[[str], object]


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    config: Path | None = None,
    seed: int | None = None,
    limits: Limits | None = None,
    announce: Announce | None = None,
) -> None:
    """Serve the API on ``host``:``port`` until SIGTERM or SIGINT; then close every socket and return.

    ``port`` 0 takes any that is free. ``config`` is a JSON file with a list of proxies, as for ``/populate``. ``seed``
    makes the draws of toxicity, jitter and slices repeatable: those of the n-th connection of a proxy are always the
    same (Toxiproxy has the flag, without this effect). ``announce`` is given one line, ``listening on <URL>``, when the
    server is ready; it prints it unless told otherwise.

    Raises `BadInput` for a port in use and for a configuration that cannot be used.
    """
    bodies = [] if config is None else _read_config(config)
    limits = limits or Limits()

    async def main() -> None:
        registry = Registry(seed=secrets.randbits(63) if seed is None else seed, limits=limits)
        try:
            await _populate(registry, bodies, config)
            await _listen(_application(registry, limits), host, port, announce or _print)
        finally:
            registry.stop()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


async def _listen(app: Application, host: str, port: int, announce: Announce) -> None:
    from aiohttp import web

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as problem:
            reason = os.strerror(problem.errno) if problem.errno else str(problem)
            raise BadInput(
                f"cannot listen on {host}:{port}: {reason}; stop what listens there or choose another --port"
            ) from None
        announce("listening on http://{}:{}".format(*runner.addresses[0][:2]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _application(registry: Registry, limits: Limits) -> Application:
    try:
        from stormlab.chaos.server.api import application
    except ModuleNotFoundError as missing:
        raise BadInput(f"the proxy needs {missing.name}; {how_to_install('chaos')}") from None
    return application(registry, body_limit=limits.body)


def _read_config(path: Path) -> list[Body]:
    try:
        bodies = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadInput(f"{path}: {problem.strerror}; give --config a JSON file with a list of proxies") from None
    except ValueError as problem:
        raise BadInput(f"{path}: not JSON: {problem}") from None
    if not isinstance(bodies, list) or not all(isinstance(each, dict) for each in bodies):
        raise BadInput(f'{path}: must be a list of proxies, such as [{{"name": "kv", "upstream": "127.0.0.1:8080"}}]')
    return bodies


async def _populate(registry: Registry, bodies: list[Body], config: Path | None) -> None:
    try:
        await registry.populate(bodies)
    except ApiError as problem:
        raise BadInput(f"{config}: {problem}") from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop where it is installed: it moves several times the bytes."""
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        return None
    return factory


def _print(line: str) -> None:
    print(line, flush=True)
