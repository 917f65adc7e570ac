"""A service that somebody else runs: reached through a proxy, left alone otherwise, and judged as the model is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

import stormlab
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.template import template

WORKERS, SECONDS = 4, 0.04


class _Shop(BaseHTTPRequestHandler):
    paths: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self.paths.add(self.path)
        time.sleep(SECONDS)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(HTTPServer):
    """So many workers, first come, first served."""

    request_queue_size = 1000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Shop)
        self.workers = ThreadPoolExecutor(WORKERS)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.workers.submit(self._work, request, client_address)

    def _work(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass
        finally:
            self.shutdown_request(request)


@pytest.fixture
def url() -> Iterator[str]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/things"
        server.shutdown()
        thread.join()


def scenario_file(folder: Path, url: str) -> Path:
    file = folder / "shop.toml"
    file.write_text(template(name="shop", url=url, workers=WORKERS, mean=SECONDS, spread=0.1), encoding="utf-8")
    return file


@pytest.mark.live
def test_a_network_fault_in_front_of_it_has_the_same_verdict_and_measures_in_both_worlds(
    tmp_path: Path, url: str
) -> None:
    file = scenario_file(tmp_path, url)
    slow = {"kind": "latency", "name": "slow path", "target": "shop", "at": 6, "for": 5, "latency": 0.1}
    settings = {"run.duration": 20, "run.warmup": 2, "clients.users.arrivals.rate": 30, "faults": [slow]}
    simulated, live = stormlab.run(file, overrides=settings, world="both", proxy="embedded", live_tries=3)
    assert live.valid, live.void
    assert "/things" in _Shop.paths
    assert live.verdict.word == simulated.verdict.word
    assert live.measures["after"]["success_ratio"] == pytest.approx(1, abs=0.02)
    assert live.measures["fault"]["latency_p50"] - live.measures["baseline"]["latency_p50"] == pytest.approx(
        0.1, abs=0.05
    )


def test_it_has_to_be_running(tmp_path: Path) -> None:
    file = scenario_file(tmp_path, "http://127.0.0.1:1/")
    with pytest.raises(BadInput, match=r"services.shop.url: nothing answers at http://127.0.0.1:1/; start"):
        stormlab.run(file, world="live")


@pytest.mark.parametrize(
    "fault",
    [{"kind": "pause", "target": "shop", "at": 5}, {"kind": "capacity", "target": "shop", "at": 5, "speed": 0.5}],
)
def test_what_is_not_ours_is_not_stopped_or_slowed(tmp_path: Path, fault: dict[str, Any]) -> None:
    scenario = stormlab.load(scenario_file(tmp_path, "http://127.0.0.1:1/"), overrides={"faults": [fault]})
    with pytest.raises(BadInput, match=r"is a program of yours .* network fault"):
        refuse_what_cannot_be_done(scenario)


def test_services_of_ours_do_not_call_it(tmp_path: Path) -> None:
    front = {"workers": 2, "service_time": {"kind": "fixed", "mean": 0.01}, "calls": [{"target": "shop"}]}
    scenario = stormlab.load(scenario_file(tmp_path, "http://127.0.0.1:1/"), overrides={"services.front": front})
    with pytest.raises(BadInput, match=r"services.front.calls.0: a live service calls none with a url"):
        refuse_what_cannot_be_done(scenario)
