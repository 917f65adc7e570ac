"""``stormlab up``: start every part, serve the page, and end everything on the way out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import uvicorn

from stormlab.console import site
from stormlab.console.app import Console
from stormlab.console.parts import Parts, Target
from stormlab.console.sampling import Values, parse
from stormlab.console.scenarios import Runner
from stormlab.console.visitor import Visitor
from stormlab.errors import BadInput, StormlabError
from stormlab.live import checkout, ports

Say = Callable[[str], object]


def up(*, base: int | None, prometheus: bool, say: Say) -> None:
    """Run the stack until SIGTERM or SIGINT.

    Raises:
        BadInput: a stack is up, a port is taken, or something is not installed; nothing was started then.
        StormlabError: a part did not start, or ended by itself.
    """
    checkout.require_extras()
    already = site.running()
    if already is not None:
        raise BadInput(f"a stack is up at {already.url}; end it with `stormlab down`")
    places = site.ports_from(base)
    places.refuse_taken()
    with tempfile.TemporaryDirectory(prefix="stormlab-stack-") as scratch:
        parts = Parts(places, Path(scratch), prometheus=prometheus)
        try:
            asyncio.run(_serve(places, parts, Path(scratch), say))
        finally:
            parts.stop()
            site.forget()


async def _serve(places: site.Ports, parts: Parts, folder: Path, say: Say) -> None:
    began = time.monotonic()
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
        await asyncio.to_thread(parts.start)
        visitor = Visitor(console.visits)
        tasks = [asyncio.create_task(job) for job in (_sample(console), visitor.visit(parts.entrances()))]
        site.remember(site.State(pid=os.getpid(), console=places.console))
        say(f"ready after {time.monotonic() - began:.1f} s: {url}")
        await _until(stopping, parts)
    finally:
        await asyncio.to_thread(runner.stop)
        for task in tasks:
            task.cancel()
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving, *tasks, return_exceptions=True)


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
