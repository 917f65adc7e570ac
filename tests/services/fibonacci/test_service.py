"""``GET /?n=6`` through its whole stack of guards, in process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.common.asgi import App, Message
from services.fibonacci.service import Fibonacci, UnusableIndex, index
from services.fibonacci.settings import FibonacciSettings
from stormlab.telemetry import names
from tests.services.running import metric

Body = Callable[[httpx.AsyncClient], Awaitable[None]]


def settings(**given: Any) -> FibonacciSettings:
    return FibonacciSettings(**{"container_id": "c1"} | given)


def talk(body: Body, **given: Any) -> None:
    async def converse() -> None:
        app = Fibonacci(settings(**given)).app()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fibonacci") as client:
            await body(client)

    asyncio.run(converse())


def test_six_is_thirteen_and_costs_25_calls() -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/?n=6")
        assert (answer.status_code, answer.text) == (200, "13")
        page = (await client.get("/metrics")).text
        assert metric(page, "fibonacci_requests_total", application="fibonacci", container_id="c1") == 25
        assert metric(page, names.REQUESTS, route="/", method="GET", status="200") == 1
        assert metric(page, "memory_usage_bytes") > 1e6
        assert metric(page, names.TASKS) >= 1
        assert metric(page, names.THREADS) >= 1

    talk(body)


@pytest.mark.parametrize(
    "query", ["", "n", "n=", "n=x", "n=1.0", "n=6&n=6", "n=%EF%BC%96", "n=+6", "n=1_0", "m=6", "&" * 200, "n=0x6"]
)
def test_an_index_that_is_none_is_400(query: str) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/?" + query)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("couldn't parse index n")

    talk(body)


@pytest.mark.parametrize("n", ["9", "100000", "-1", "9" * 60_000])
def test_an_index_out_of_range_is_400_and_computes_nothing(n: str) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/?n=" + n)
        assert (answer.status_code, answer.json()["error"]) == (400, "couldn't use index n: it must be from 0 to 8")
        assert metric((await client.get("/metrics")).text, names.FIBONACCI_CALLS) == 0

    talk(body, max_n=8)


def test_the_edges_of_the_range() -> None:
    assert (index(b"n=0", limit=8), index(b"n=008", limit=8), index(b"a=1&n=8", limit=8)) == (0, 8, 8)
    with pytest.raises(UnusableIndex):
        index(b"n=9", limit=8)


def test_other_routes_and_methods() -> None:
    async def body(client: httpx.AsyncClient) -> None:
        assert (await client.get("/6")).status_code == 404
        wrong = await client.post("/?n=6")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/healthz/deep")).json()["checks"]["recursion"]["detail"] == "f(6) = 13"
        assert (await client.get("/openapi.json")).json()["paths"]["/"]["get"]["parameters"][0]["schema"][
            "maximum"
        ] == 20

    talk(body)


@pytest.mark.parametrize("left", ["0", "-5", "1"])
def test_a_deadline_that_passes_is_504_and_stops_the_work(left: str) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/?n=20", headers={names.DEADLINE_HEADER: left})
        assert (answer.status_code, answer.json()["reason"]) == (504, "deadline")
        calls = metric((await client.get("/metrics")).text, names.FIBONACCI_CALLS)
        assert calls < 21891
        await asyncio.sleep(0)
        assert metric((await client.get("/metrics")).text, names.FIBONACCI_CALLS) == calls

    talk(body, cpu_seconds=0.02)


@pytest.mark.parametrize("left", ["soon", "inf", "nan", "60000"])
def test_a_deadline_that_is_far_or_none_changes_nothing(left: str) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        assert (await client.get("/?n=6", headers={names.DEADLINE_HEADER: left})).text == "13"

    talk(body)


def test_a_caller_that_leaves_stops_the_work() -> None:
    labels = {"application": "fibonacci", "container_id": "c1"}

    async def run() -> None:
        service = Fibonacci(settings(max_n=25))
        app = service.app()
        sent = await leaving(app, after=20)
        assert sent == []
        calls = service.parts.registry.get_sample_value(names.FIBONACCI_CALLS, labels)
        for _ in range(20):
            await asyncio.sleep(0)
        assert calls == service.parts.registry.get_sample_value(names.FIBONACCI_CALLS, labels)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


async def leaving(app: App, *, after: int) -> list[Message]:
    """What is sent to a caller that leaves ``after`` turns of the event loop."""
    sent: list[Message] = []
    first = True

    async def receive() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        for _ in range(after):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"n=25", "headers": []}
    await app(scope, receive, send)
    return sent


def test_a_full_queue_is_503_and_health_passes_by() -> None:
    async def body(client: httpx.AsyncClient) -> None:
        waiting = asyncio.create_task(client.get("/?n=6"))
        while metric((await client.get("/metrics")).text, names.WORKERS_BUSY) < 1:
            await asyncio.sleep(0)
        refused = await client.get("/?n=6")
        assert (refused.status_code, refused.json()["reason"]) == (503, "queue-full")
        assert (await client.get("/livez")).status_code == 200
        assert metric((await client.get("/metrics")).text, names.CAPACITY) == 1
        assert (await waiting).text == "13"

    talk(body, workers=1, service_time="fixed:1", queue_limit=0)
