"""Passes spans on to Jaeger in the background: the console keeps the latest traces, Jaeger all of them."""

from __future__ import annotations

import asyncio

import aiohttp

#: Requests that may wait to be passed on; more are dropped and counted.
WAITING = 200
_PROTOBUF = {"content-type": "application/x-protobuf"}


class Relay:
    """``offer`` takes an OTLP trace request, uncompressed, and never blocks; ``run`` sends to ``url`` until cancelled.

    Without a ``url`` nothing is kept.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self.dropped = 0

    def offer(self, body: bytes) -> None:
        if self._url is None:
            return
        try:
            self._queue.put_nowait(body)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        if self._url is None:
            return
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while True:
                await self._send(session, await self._queue.get())

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> None:
        try:
            async with session.post(f"{self._url}/v1/traces", data=body, headers=_PROTOBUF) as answer:
                answer.raise_for_status()
        except (TimeoutError, aiohttp.ClientError):
            self.dropped += 1
