"""A trickle of requests, so that a stack at rest has something to show; counted like those of any other caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Histogram

from stormlab.console.parts import KEY
from stormlab.outcome import Ending
from stormlab.telemetry import names

#: Requests per second.
PACE = 5.0
#: After this a request counts as timed out, in s.
PATIENCE = 5.0
_PATHS = {"kv": [KEY], "fibonacci": ["/?n=4"], "gateway": [KEY, "/fibonacci?n=4"]}
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Visitor:
    """Tries each request once. Its edges are named after what it calls: ``kv``, ``fibonacci`` or ``gateway``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        edge = ["service", "edge"]
        self._requests = Counter(names.EDGE_REQUESTS, "requests ended", [*edge, "ending"], registry=registry)
        self._attempts = Counter(names.EDGE_ATTEMPTS, "attempts ended", [*edge, "ending"], registry=registry)
        self._seconds = Histogram(
            names.EDGE_ATTEMPT_SECONDS, "time of an attempt in s", edge, registry=registry, buckets=_BUCKETS
        )

    async def visit(self, entrances: Mapping[str, Sequence[str]]) -> None:
        """Asks at :data:`PACE`, whatever became of the earlier requests, until cancelled."""
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=limit) as session, asyncio.TaskGroup() as group:
            for edge, url in addresses(entrances):
                group.create_task(self._ask(session, edge, url))
                await asyncio.sleep(1 / PACE)

    async def _ask(self, session: aiohttp.ClientSession, edge: str, url: str) -> None:
        began = time.monotonic()
        ending = await _ending(session, url)
        self._requests.labels("visitor", edge, ending.value).inc()
        self._attempts.labels("visitor", edge, ending.value).inc()
        self._seconds.labels("visitor", edge).observe(time.monotonic() - began)


def addresses(entrances: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """What to ask for, with its edge, in turn and for ever."""
    return cycle([(edge, f"{url}{path}") for edge, urls in entrances.items() for path in _PATHS[edge] for url in urls])


async def _ending(session: aiohttp.ClientSession, url: str) -> Ending:
    try:
        async with session.get(url) as answer:
            await answer.read()
    except TimeoutError:
        return Ending.TIMEOUT
    except aiohttp.ClientError:
        return Ending.ERROR
    if answer.status in (429, 503):
        return Ending.OVERLOADED
    return Ending.OK if answer.status < 400 else Ending.ERROR
