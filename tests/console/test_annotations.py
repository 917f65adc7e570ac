"""Faults in Grafana and spans in Jaeger, against fakes that write down what they are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from stormlab.console.annotations import GRAFANA, TOKEN, Annotator
from stormlab.console.clock import Moment
from stormlab.console.relay import WAITING, Relay


class Fake:
    """A server that knows two requests and answers as Grafana does, or with ``status`` when that is set."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.heard: list[tuple[str, str, Any]] = []
        self.headers: list[str | None] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.heard.append((request.method, request.path, json.loads(body) if body[:1] == b"{" else body))
        self.headers.append(request.headers.get("authorization"))
        return web.json_response({"id": 40 + len(self.heard), "message": "Annotation added"}, status=self.status)

    async def until(self, count: int) -> None:
        while len(self.heard) < count:
            await asyncio.sleep(0.005)


def against(fake: Fake, play: Callable[[str], tuple[Awaitable[None], Awaitable[None]]]) -> None:
    """Serves ``fake`` while what ``play`` gives for its address runs: a job without end, and one that ends."""

    async def scene() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", fake.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        background, ending = play(f"http://127.0.0.1:{port}")
        job = asyncio.ensure_future(background)
        try:
            await asyncio.wait_for(ending, 5)
        finally:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job
            await runner.cleanup()

    asyncio.run(scene())


def moment(phase: str, at: float, fault: str = "spike") -> Moment:
    return Moment(fault=fault, kind="load-spike", target="web", phase=phase, at=at)


def noted(fake: Fake, moments: list[Moment], *, heard: int, token: str = "") -> None:
    def play(url: str) -> tuple[Awaitable[None], Awaitable[None]]:
        annotator = Annotator({GRAFANA: url + "/", TOKEN: token})
        for one in moments:
            annotator.note(one)
        return annotator.run(), fake.until(heard)

    against(fake, play)


def test_a_fault_is_an_annotation_that_gets_an_end() -> None:
    fake = Fake()
    noted(fake, [moment("begin", 12.5), moment("end", 22.5)], heard=2, token="secret")
    begun = {"time": 12500, "tags": ["stormlab", "load-spike", "web"], "text": "spike (load-spike on web)"}
    assert fake.heard == [("POST", "/api/annotations", begun), ("PATCH", "/api/annotations/41", {"timeEnd": 22500})]
    assert fake.headers == ["Bearer secret", "Bearer secret"]


def test_faults_at_the_same_time_keep_their_own_annotations() -> None:
    fake = Fake()
    both = [moment("begin", 1), moment("begin", 2, "other"), moment("end", 3), moment("end", 4, "other")]
    noted(fake, both, heard=4)
    assert [path for _, path, _ in fake.heard[2:]] == ["/api/annotations/41", "/api/annotations/42"]


def test_an_end_without_a_begin_is_an_annotation_of_its_own() -> None:
    fake = Fake()
    noted(fake, [moment("end", 3)], heard=1)
    assert fake.heard[0][:2] == ("POST", "/api/annotations")


def test_a_grafana_that_refuses_is_told_of_and_not_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake(status=403)
    noted(fake, [moment("begin", 1), moment("begin", 2, "other")], heard=2)
    said = json.loads(capsys.readouterr().err.splitlines()[0])
    assert said["event"] == "annotation not written" and said["fault"] == "spike" and "403" in said["error"]


def test_without_an_address_nothing_is_kept() -> None:
    annotator = Annotator({})
    annotator.note(moment("begin", 1))
    assert annotator.url == "" and annotator._queue.empty()


def test_spans_are_passed_on_as_they_came() -> None:
    fake = Fake()

    def play(url: str) -> tuple[Awaitable[None], Awaitable[None]]:
        relay = Relay(url)
        relay.offer(b"spans")
        return relay.run(), fake.until(1)

    against(fake, play)
    assert fake.heard == [("POST", "/v1/traces", b"spans")]


def test_a_jaeger_that_does_not_keep_up_costs_spans_and_no_memory() -> None:
    relay = Relay("http://127.0.0.1:9")
    for _ in range(WAITING + 3):
        relay.offer(b"spans")
    assert relay.dropped == 3


def test_without_a_jaeger_nothing_is_kept() -> None:
    relay = Relay(None)
    for _ in range(WAITING + 3):
        relay.offer(b"spans")
    assert relay.dropped == 0


def test_a_grafana_that_hangs_fills_no_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stormlab.console.annotations.WAITING", 2)
    annotator = Annotator({GRAFANA: "http://127.0.0.1:9"})
    for number in range(3):
        annotator.note(moment("begin", 1.0, f"fault-{number}"))
    told = json.loads(capsys.readouterr().err)
    assert (told["fault"], told["error"]) == ("fault-2", "too many are waiting")
