"""``stormlab up``: start every part, serve the page, and end everything on the way out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvicorn

from stormlab.console import site
from stormlab.console.app import Console
from stormlab.console.parts import Parts, Target, Wanted
from stormlab.console.sampling import Values, parse
from stormlab.console.scenarios import Runner
from stormlab.console.visitor import visit
from stormlab.errors import BadInput, StormlabError
from stormlab.live import checkout, ports, programs
from stormlab.live.stack import toxiproxy

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to start: ``None`` for those of the observers that are found, True and False to demand or forbid one.

    ``proxy`` is as in :func:`stormlab.live.stack.toxiproxy`; ``base`` the first of a block of ports.
    """

    base: int | None = None
    proxy: str = "auto"
    prometheus: bool | None = None
    jaeger: bool | None = None
    rules: Path | None = None

    def wanted(self) -> Wanted:
        """Raises BadInput when something is demanded and not there."""
        return Wanted(
            toxiproxy=toxiproxy(self.proxy),
            prometheus=_observer("prometheus", demanded=self.prometheus),
            jaeger=_observer("jaeger", demanded=self.jaeger),
            rules=self.rules,
        )


def _observer(name: str, *, demanded: bool | None) -> Path | None:
    if demanded is None:
        return programs.find(name)
    return programs.required(name) if demanded else None


def up(options: Options, say: Say) -> None:
    """Run the stack until SIGTERM or SIGINT.

    Raises:
        BadInput: a stack is up, a port is taken, or something is not installed; nothing was started then.
        StormlabError: a part did not start, or ended by itself.
    """
    checkout.require_extras()
    already = site.running()
    if already is not None:
        raise BadInput(f"a stack is up at {already.url}; end it with `stormlab down`")
    wanted, places = options.wanted(), site.ports_from(options.base)
    places.refuse_taken(without=wanted.left_out())
    with tempfile.TemporaryDirectory(prefix="stormlab-stack-") as scratch:
        parts = Parts(places, Path(scratch), wanted)
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
        jobs = (_sample(console), visit(parts.entrance), console.annotator.run(), console.relay.run())
        tasks = [asyncio.create_task(job) for job in jobs]
        site.remember(site.State(pid=os.getpid(), console=places.console))
        say(f"ready after {time.monotonic() - began:.1f} s: {url}")
        for name, page in console.links().items():
            say(f"  {name} {page}")
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
