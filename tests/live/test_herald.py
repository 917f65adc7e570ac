"""What a live run tells a console, against a fake console, and that nothing of it can delay a fault."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from stormlab.errors import BadInput
from stormlab.live.herald import ENVIRONMENT, Herald, also
from stormlab.live.stack import Process, Replica
from stormlab.scenario import loader

SPIKE = loader.load("retry-storm").faults[0]


class Console(HTTPServer):
    """Writes down what it is told; while ``hangs`` is set it does not answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, str, Any]] = []
        self.hangs = False
        self.released = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Console

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.heard.append((self.command, self.path, body))
        if self.server.hangs:
            self.server.released.wait(10)
        self.send_response(204)
        self.end_headers()

    do_POST = do_PUT

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def console() -> Iterator[Console]:
    with Console() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


def test_a_run_is_told_in_its_order() -> None:
    before = time.time()
    with console() as fake:
        herald = Herald(fake.url)
        herald.watch([Process("kv", 7001, [Replica("kv", 0, 7000, 7002)])], 7003)
        herald.begins(SPIKE)
        herald.ends(SPIKE)
        herald.is_over()
    watched, begin, end, over = fake.heard
    assert watched == (
        "PUT",
        "/api/guests",
        [
            {"name": "run-kv-0", "service": "kv", "port": 7000},
            {"name": "run-load", "service": "load", "port": 7003},
        ],
    )
    assert [one[2]["phase"] for one in (begin, end)] == ["begin", "end"]
    assert begin[2] | {"at": 0, "phase": ""} == {
        "fault": "spike",
        "kind": "load-spike",
        "target": "web",
        "phase": "",
        "at": 0,
    }
    assert before <= begin[2]["at"] <= end[2]["at"] <= time.time()
    assert over == ("PUT", "/api/guests", [])


def test_a_console_that_hangs_delays_no_fault() -> None:
    with console() as fake:
        fake.hangs = True
        herald = Herald(fake.url)
        done: list[object] = []
        act = also(done.append, herald.begins)
        for _ in range(3):
            act(SPIKE)
        assert len(done) == 3 and len(fake.heard) < 3
        fake.hangs = False
        fake.released.set()
        herald.is_over()
    assert len(fake.heard) == 4


def test_a_console_that_is_gone_is_no_error() -> None:
    with console() as fake:
        url = fake.url
    herald = Herald(url)
    herald.begins(SPIKE)
    herald.is_over()


def test_without_a_console_nobody_is_told() -> None:
    herald = Herald.from_environment({})
    herald.begins(SPIKE)
    herald.is_over()
    assert not herald.listened_to


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://example.org:80", "http://127.0.0.1"])
def test_a_console_is_on_this_machine(url: str) -> None:
    with pytest.raises(BadInput, match="is no console; write it like"):
        Herald.from_environment({ENVIRONMENT: url})
