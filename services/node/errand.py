"""One call of a node: an edge with its policies, made once or fanned out, behind a cache if it has one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random

from opentelemetry.trace import get_current_span

from services.common.edge import Edge
from services.common.exchange import Asked
from services.node.cache import Cache
from services.node.settings import Call
from stormlab.effects import PLAIN, Request
from stormlab.outcome import Outcome
from stormlab.telemetry import names
from stormlab.telemetry.edges import EdgeMetrics
from stormlab.telemetry.tracing import Tracing

#: What a service of a scenario is asked for.
ASKED = Asked("GET", "/v1/stormlab")
#: Bytes of an answer, which nobody reads.
LARGEST = 1 << 16


class Errand:
    """Asks ``call.target``, the edge being called ``name``; made on the loop that serves, which starts its ``edge``."""

    def __init__(self, name: str, call: Call, *, metrics: EdgeMetrics, tracing: Tracing, seed: int) -> None:
        self.call = call
        self.edge = Edge(
            name,
            call,
            metrics=metrics,
            tracing=tracing,
            largest=LARGEST,
            seed=seed,
            carry=headers,
            latency=call.latency,
        )
        clock: Callable[[], float] = asyncio.get_running_loop().time
        ask = self._once if call.fan_out == 1 else self._scatter
        self.cache = None if call.cache is None else Cache(call.cache, ask, clock=clock, random=Random(f"{seed}:cache"))
        self._going: set[asyncio.Task[Outcome]] = set()
        self._ask = ask if self.cache is None else self.cache

    async def ask(self, request: Request) -> Outcome:
        return await self._ask(request.again(1) if request.attempt > 1 else request)

    async def _once(self, request: Request) -> Outcome:
        return await self.edge.ask(ASKED, request, get_current_span())

    async def _scatter(self, request: Request) -> Outcome:
        """Calls at the same time; the first failure is the answer, the others go on."""
        tasks = [asyncio.create_task(self._once(request)) for _ in range(self.call.fan_out)]
        self._going.update(tasks)
        for task in tasks:
            task.add_done_callback(self._going.discard)
        for ended in asyncio.as_completed(tasks):
            outcome = await ended
            if not outcome.ok:
                break
        return outcome


def headers(request: Request) -> Mapping[str, str]:
    """What goes on to the next service: on whose behalf, how important, about what."""
    told = {}
    if request.key:
        told[names.KEY_HEADER] = request.key
    if request.caller:
        told[names.CALLER_HEADER] = request.caller
    if request.token:
        told[names.IDEMPOTENCY_HEADER] = request.token
    if request.priority != PLAIN.priority:
        told[names.PRIORITY_HEADER] = str(request.priority)
    return told
