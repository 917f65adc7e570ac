"""Faults as annotations in Grafana: written when one begins, given an end when it ends (HTTP API, "Annotations")."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp

from stormlab.console.clock import Moment

#: Where Grafana is, and the token with which annotations are written; unset: no annotations.
GRAFANA, TOKEN = "STORMLAB_GRAFANA_URL", "STORMLAB_GRAFANA_TOKEN"
#: What one exchange with Grafana may take, in s.
PATIENCE = 3.0
#: Moments that may wait to be written; more are left out.
WAITING = 1000


class Annotator:
    """Writes moments in their order, in the background: a Grafana that hangs delays no fault."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.url = environment.get(GRAFANA, "").rstrip("/")
        token = environment.get(TOKEN)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._queue: asyncio.Queue[Moment] = asyncio.Queue(WAITING)
        self._ids: dict[tuple[str, str, str], int] = {}

    def note(self, moment: Moment) -> None:
        if not self.url:
            return
        try:
            self._queue.put_nowait(moment)
        except asyncio.QueueFull:
            _tell(moment, "too many are waiting")

    async def run(self) -> None:
        """Writes until cancelled; what cannot be written is told on standard error and left out."""
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=limit, headers=self._headers) as session:
            while True:
                moment = await self._queue.get()
                try:
                    await self._write(session, moment)
                except (TimeoutError, aiohttp.ClientError, KeyError, ValueError) as error:
                    _tell(moment, str(error))

    async def _write(self, session: aiohttp.ClientSession, moment: Moment) -> None:
        milliseconds = int(moment.at * 1000)
        begun = None if moment.phase == "begin" else self._ids.pop(moment.key, None)
        if begun is not None:
            await _ask(session, "PATCH", f"{self.url}/api/annotations/{begun}", {"timeEnd": milliseconds})
            return
        body = {
            "time": milliseconds,
            "tags": ["stormlab", moment.kind, moment.target],
            "text": f"{moment.fault} ({moment.kind} on {moment.target})",
        }
        answer = await _ask(session, "POST", f"{self.url}/api/annotations", body)
        if moment.phase == "begin":
            self._ids[moment.key] = int(answer["id"])


def _tell(moment: Moment, error: str) -> None:
    event = {"event": "annotation not written", "fault": moment.fault, "error": error}
    print(json.dumps(event), file=sys.stderr, flush=True)


async def _ask(session: aiohttp.ClientSession, method: str, url: str, body: Mapping[str, Any]) -> Any:
    async with session.request(method, url, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()
