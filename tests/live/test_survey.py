"""A service with known slots and a known service time is found to have them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stormlab.errors import BadInput
from stormlab.live.survey import Survey, survey
from stormlab.scenario.external import Address

SLOTS, SECONDS = 4, 0.05


class _Slotted(BaseHTTPRequestHandler):
    slots = threading.Semaphore(SLOTS)

    def do_GET(self) -> None:
        admitted = self.slots.acquire(blocking=self.path != "/shedding")
        if admitted:
            time.sleep(SECONDS)
            self.slots.release()
        self.send_response(503 if not admitted else 404 if self.path == "/no" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 100
    daemon_threads = True


@pytest.fixture
def port() -> Iterator[int]:
    with _Server(("127.0.0.1", 0), _Slotted) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.live
def test_it_finds_the_slots_and_that_more_callers_get_no_more(port: int) -> None:
    found = survey(Address(port, "/fine"))
    assert found.saturated and found.callers > SLOTS
    assert found.workers in (SLOTS - 1, SLOTS, SLOTS + 1)
    assert SECONDS < found.mean < 3 * SECONDS


@pytest.mark.live
def test_a_service_that_turns_requests_away_is_full(port: int) -> None:
    found = survey(Address(port, "/shedding"))
    assert found.saturated and found.callers > SLOTS
    assert found.workers in (SLOTS - 1, SLOTS, SLOTS + 1)


@pytest.mark.live
def test_an_error_is_no_service(port: int) -> None:
    with pytest.raises(BadInput, match=f"http://127.0.0.1:{port}/no: answers with 404; name a path"):
        survey(Address(port, "/no"))


def test_nobody_there_is_said_with_the_remedy() -> None:
    with pytest.raises(BadInput, match=r"no answer .*; start the service first"):
        survey(Address(1, "/"))


def test_the_model_has_the_measured_capacity() -> None:
    found = Survey(mean=0.08, spread=1.0, capacity=104.0, callers=16, saturated=True)
    assert found.workers == 8
    assert found.workers / found.service_time == pytest.approx(104)
    assert Survey(mean=0.001, spread=0.1, capacity=300.0, callers=2, saturated=True).workers == 1
