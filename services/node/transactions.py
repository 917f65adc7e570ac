"""Optimistic concurrency: of the requests with one key that overlap, the first to finish succeeds."""

from __future__ import annotations

from collections import Counter

from services.common.asgi import App, Message, Receive, Scope, Send, header, refuse
from services.common.exchange import CONFLICT
from stormlab.telemetry import names

_KEY = names.KEY_HEADER.encode()


class Transactions:
    """The versions of all keys, which the replicas of a process share."""

    def __init__(self) -> None:
        self._versions: Counter[bytes] = Counter()

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

            await app(scope, receive, commit)

        return transaction
