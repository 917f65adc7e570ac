"""Optimistic concurrency: of the requests with one key that overlap, the first to finish succeeds."""

from __future__ import annotations

from collections import Counter

from services.common.asgi import App, Message, Receive, Scope, Send, header, refuse
from services.common.exchange import CONFLICT
from stormlab.telemetry import names

_KEY = names.KEY_HEADER.encode()


class Transactions:
    """The versions of the keys that requests are under way with, which the replicas of a process share."""

    def __init__(self) -> None:
        self._versions: Counter[bytes] = Counter()
        self._under_way: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._under_way)

    def around(self, app: App) -> App:
        """``app``, whose successes are conflicts when another one has succeeded since the request came."""

        async def transaction(scope: Scope, receive: Receive, send: Send) -> None:
            key = header(scope, _KEY) or b""
            seen = self._versions[key]
            conflict = False

            async def commit(message: Message) -> None:
                nonlocal conflict
                if message["type"] == "http.response.start" and message["status"] < 400:
                    conflict = self._versions[key] != seen
                    self._versions[key] += not conflict
                    if conflict:
                        return await refuse(send, 409, CONFLICT, "another transaction was faster")
                if not conflict:
                    await send(message)
                return None

            self._under_way[key] += 1
            try:
                await app(scope, receive, commit)
            finally:
                self._leave(key)

        return transaction

    def _leave(self, key: bytes) -> None:
        """Forgets the version of ``key`` once nobody is left who has seen it."""
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key], self._versions[key]
