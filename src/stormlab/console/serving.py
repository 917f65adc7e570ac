"""The page of a stack, and what goes on beside it: a sample a second, a trickle of requests, spans and annotations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from stormlab.console import site
from stormlab.console.app import Console
from stormlab.console.parts import Parts, Target
from stormlab.console.sampling import Values, parse
from stormlab.console.scenarios import Runner
from stormlab.console.visitor import visit
from stormlab.errors import StormlabError
from stormlab.live import ports

logger = logging.getLogger(__name__)

Say = Callable[[str], object]
#: What goes on beside the page.
Job = Callable[[], Coroutine[Any, Any, None]]


async def serve(places: site.Ports, parts: Parts, folder: Path, say: Say, *, began: float) -> None:
    """Serves the page while the ``parts`` that were launched at ``began`` (s, monotonic) come up, and until SIGTERM.

    Raises:
        StormlabError: a part did not start, or ended by itself.
    """
    url = f"http://{ports.HOST}:{places.console}"
    runner = Runner(console=url, control=f"http://{ports.HOST}:{places.control}", folder=folder)
    console = Console(parts, runner, parts.control)
    config = uvicorn.Config(console.app(), host=ports.HOST, port=places.console, log_level="warning", lifespan="off")
    server = _Server(config)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve())
    tasks: list[asyncio.Task[None]] = []
    try:
        await asyncio.to_thread(parts.settle)
        jobs: tuple[Job, ...] = (
            partial(_sample, console),
            partial(visit, parts.entrance),
            console.annotator.run,
            console.relay.run,
        )
        tasks = [asyncio.create_task(kept_up(job)) for job in jobs]
        site.remember(site.State(pid=os.getpid(), console=places.console))
        say(f"ready after {time.monotonic() - began:.1f} s: {url}")
        for name, page in console.links().items():
            say(f"  {name} {page}")
        await _until(stopping, parts)
    finally:
        await asyncio.to_thread(runner.stop)
        await asyncio.to_thread(parts.stop)  # while their last spans are still taken
        for task in tasks:
            task.cancel()
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving, *tasks, return_exceptions=True)


async def kept_up(job: Job, *, pause: float = 1.0) -> None:
    """Does ``job``; when a defect ends it, the log gets the traceback and it begins again after ``pause`` s."""
    while True:
        try:
            return await job()
        except Exception:
            logger.exception("this part of the console failed and begins again")
            await asyncio.sleep(pause)


async def _until(stopping: asyncio.Event, parts: Parts) -> None:
    while not stopping.is_set():
        if (ended := parts.ended()) is not None:
            raise StormlabError(ended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.5)


async def _sample(console: Console) -> None:
    """Reads all scrape pages once a second, side by side."""
    limit = aiohttp.ClientTimeout(total=0.9)
    async with aiohttp.ClientSession(timeout=limit) as session:
        while True:
            moment = time.time()
            pages = await asyncio.gather(*(_scrape(session, target) for target in console.targets()))
            values = {key: value for page in pages for key, value in page.items()}
            console.sampler.add(moment, values | console.own_values(), console.clock.active())
            await asyncio.sleep(max(0.05, 1 - (time.time() - moment)))


async def _scrape(session: aiohttp.ClientSession, target: Target) -> Values:
    try:
        async with session.get(f"http://{ports.HOST}:{target.port}/metrics") as answer:
            return parse(await answer.text(), target.name)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return {}


class _Server(uvicorn.Server):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield
