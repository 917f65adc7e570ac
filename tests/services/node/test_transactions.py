"""Of overlapping requests with one key the first wins, and nothing is kept of keys that nobody uses."""

from __future__ import annotations

import asyncio

from services.common.asgi import Message, Receive, Scope, Send, answer
from services.node.transactions import Transactions
from stormlab.telemetry import names


def test_the_first_of_two_wins_and_keys_are_forgotten() -> None:
    transactions = Transactions()
    statuses: list[int] = []

    async def main() -> None:
        gate = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await gate.wait()
            await answer(send, 200, b"")

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        guarded = transactions.around(app)

        def ask(key: str) -> asyncio.Future[None]:
            scope = {"type": "http", "headers": [(names.KEY_HEADER.encode(), key.encode())]}
            return asyncio.ensure_future(guarded(scope, receive, send))

        asked = [ask("a"), ask("a"), ask("b")]
        await asyncio.sleep(0)
        assert len(transactions) == 2
        gate.set()
        await asyncio.gather(*asked)
        await ask("a")

    asyncio.run(main())
    assert sorted(statuses) == [200, 200, 200, 409]
    assert len(transactions) == 0
