"""The Fibonacci service as a real process: traces over the wire, hang-ups, SIGTERM under load, refusals."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator

import aiohttp
import httpx
import pytest

from stormlab.telemetry import names
from tests.services.collector import collecting
from tests.services.running import Program, metric, programs, refusal
from tools.waiting import wait_for

pytestmark = pytest.mark.live
Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    with programs() as started:
        yield started


def calls(service: Program) -> float:
    return metric(httpx.get(service.public + "/metrics").text, names.FIBONACCI_CALLS)


def test_six_is_thirteen_one_trace_of_25_spans_and_25_calls(start: Start) -> None:
    with collecting() as collector:
        service = start("fibonacci", otel_exporter_otlp_endpoint=collector.endpoint, otel_traces_sampler_arg=1)
        assert httpx.get(service.public + "/?n=6").text == "13"
        assert calls(service) == 25
        assert service.stop() == 0
    assert Counter(span.name for span in collector.spans) == {"GET /": 1, "Fibonacci": 25}
    assert len({span.trace for span in collector.spans}) == 1
    (handler,) = (span for span in collector.spans if span.name == "GET /")
    assert (handler.attributes["parameter"], handler.attributes["result"]) == (6, 13)


def test_spans_on_the_console_are_lines_among_the_logs(start: Start) -> None:
    service = start("fibonacci", otel_traces_exporter="console", otel_traces_sampler_arg=1)
    httpx.get(service.public + "/?n=2")
    assert service.stop() == 0
    assert Counter(line["name"] for line in service.rest() if "context" in line) == {"GET /": 1, "Fibonacci": 3}


def test_a_large_index_is_400_at_once(start: Start) -> None:
    service = start("fibonacci")
    assert httpx.get(service.public + "/?n=100000").status_code == 400
    assert calls(service) == 0


def test_a_hang_up_stops_the_computation(start: Start) -> None:
    service = start("fibonacci", max_n=25)
    host, port = service.addresses["rest"].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /?n=25 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: calls(service) > 0, what="the computation to begin")
    wait_for(lambda: metric(httpx.get(service.public + "/metrics").text, names.TASKS) <= 20, what="it to be given up")
    so_far = wait_for(lambda: (now := calls(service)) == calls(service) and now, what="the last of it")
    assert httpx.get(service.public + "/?n=6").text == "13"
    assert calls(service) == so_far + 25 < 242785


async def ask_until_refused(address: str, ends: Counter[str]) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in itertools.count():
            try:
                async with session.get(address + "/?n=8") as answer:
                    ends[await answer.text()] += 1
            except aiohttp.ClientConnectorError:
                ends["refused"] += 1
                return
            except aiohttp.ClientError as error:
                ends[type(error).__name__] += 1
                return


def test_sigterm_under_load_loses_no_request(start: Start) -> None:
    service = start("fibonacci")
    ends: Counter[str] = Counter()

    async def load() -> None:
        asyncio.get_running_loop().call_later(0.5, service.process.send_signal, signal.SIGTERM)
        await asyncio.gather(*(ask_until_refused(service.public, ends) for _ in range(30)))

    asyncio.run(load())
    assert service.process.wait(timeout=60) == 0
    assert set(ends) == {"34", "refused"}
    assert ends["refused"] == 30


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-n", "26"], "MAX_N"),
        (["--otel-traces-exporter", "zipkin"], "OTEL_TRACES_EXPORTER"),
    ],
)
def test_bad_input_exits_2_and_names_the_place(arguments: list[str], says: str) -> None:
    code, text = refusal("fibonacci", *arguments)
    assert (code, says in text, "Traceback" in text) == (2, True, False)
