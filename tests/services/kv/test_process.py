"""The key-value service as a real process: start, refusals, SIGTERM, SIGKILL."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.services.kv.running import Running
from tests.services.running import ROOT
from tools.waiting import wait_for

pytestmark = pytest.mark.live
#: Of a caller that is about to hang up: it connects and asks in any case.
PATIENCE = httpx.Timeout(20, read=2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(**settings: object) -> Running:
        started.append(Running(tmp_path / "kv.log", **settings))
        return started[-1]

    yield run
    for running in started:
        running.end()


def shows(kv: Running, line: str) -> bool:
    """Whether the scrape page has this in it."""
    return line in httpx.get(kv.public + "/metrics").text


def refusal(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "services.kv", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr + done.stdout


def test_a_request_under_way_at_sigterm_is_finished_and_kept(start: Callable[..., Running]) -> None:
    kv = start(workers=1, service_time="fixed:1")
    statuses: list[int] = []

    def put() -> None:
        statuses.append(httpx.put(kv.public + "/v1/k", content=b"v", timeout=20).status_code)

    caller = threading.Thread(target=put)
    caller.start()
    wait_for(lambda: shows(kv, 'stormlab_arrivals_total{service="kv"} 1.0'), what="the request to be under way")
    assert kv.stop() == 0
    caller.join()
    assert statuses == [201]
    again = start()
    assert httpx.get(again.public + "/v1/k").content == b"v"
    assert again.stop() == 0


def test_acknowledged_writes_survive_sigkill(start: Callable[..., Running]) -> None:
    kv = start()
    for number in range(20):
        assert httpx.put(f"{kv.public}/v1/k{number}", content=b"%d" % number).status_code == 201
    kv.stop(signal.SIGKILL)
    again = start()
    assert [httpx.get(f"{again.public}/v1/k{number}").content for number in range(20)] == [
        b"%d" % number for number in range(20)
    ]


def test_work_of_a_caller_that_hung_up_is_done_all_the_same(start: Callable[..., Running]) -> None:
    kv = start(workers=1, service_time="fixed:0.01")
    capacity = f"http://{kv.addresses['admin']}/capacity"
    httpx.put(capacity, json={"workers": 0})
    with pytest.raises(httpx.ReadTimeout):
        httpx.put(kv.public + "/v1/k", content=b"v", timeout=PATIENCE, headers={"x-stormlab-timeout-ms": "1500"})
    wait_for(lambda: shows(kv, 'stormlab_queue_depth{service="kv"} 1.0'), what="the work that it left behind")
    httpx.delete(capacity)
    wait_for(lambda: shows(kv, 'stormlab_wasted_total{service="kv"} 1.0'), what="that work to be done")
    assert httpx.get(kv.public + "/v1/k").content == b"v"


def test_a_port_in_use_exits_2_and_says_what_to_do(start: Callable[..., Running], tmp_path: Path) -> None:
    port = start().public.rsplit(":", 1)[1]
    code, text = refusal("--port", port, TLOG_FILENAME=str(tmp_path / "other.log"))
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--prot", "80"], "unrecognized arguments: --prot"),
        (["--port", "99999"], "PORT"),
        (["--service-time", "gauss:1"], "gauss"),
        (["--workers", "-1"], "WORKERS"),
        (["--queue-discipline", "random"], "QUEUE_DISCIPLINE"),
    ],
)
def test_bad_input_exits_2_and_names_the_place(arguments: list[str], says: str) -> None:
    code, text = refusal(*arguments)
    assert (code, says in text, "Traceback" in text) == (2, True, False)


def test_a_damaged_log_exits_1_naming_the_offset(start: Callable[..., Running], tmp_path: Path) -> None:
    kv = start()
    for value in (b"1", b"2"):
        httpx.put(kv.public + "/v1/k", content=value)
    kv.stop()
    path = tmp_path / "kv.log"
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    code, text = refusal("--port", "0", TLOG_FILENAME=str(path))
    assert (code, "corrupt at offset 8" in text, "Traceback" in text) == (1, True, False)


def test_help_lists_every_setting_with_its_environment_name() -> None:
    code, text = refusal("--help")
    assert code == 0
    for name in ("HOST", "PORT", "ADMIN_PORT", "WORKERS", "SERVICE_TIME", "QUEUE_LIMIT", "TLOG_FILENAME", "GRACE"):
        assert f"[env {name}," in " ".join(text.split())


async def put_until_refused(address: str, name: int, ends: Counter[str]) -> list[tuple[str, bytes]]:
    """Puts one value after the other until no connection can be made; what was acknowledged."""
    acknowledged: list[tuple[str, bytes]] = []
    async with aiohttp.ClientSession() as session:
        for number in itertools.count():
            key, value = f"{name}-{number}", b"%d" % number
            try:
                async with session.put(f"{address}/v1/{key}", data=value) as answer:
                    ends[str(answer.status)] += 1
                    acknowledged.append((key, value))
            except aiohttp.ClientConnectorError:
                ends["refused"] += 1
                break
            except aiohttp.ClientError as error:
                ends[type(error).__name__] += 1
                break
    return acknowledged


def test_sigterm_under_load_loses_no_request(start: Callable[..., Running]) -> None:
    kv = start()
    ends: Counter[str] = Counter()

    async def load() -> list[list[tuple[str, bytes]]]:
        asyncio.get_running_loop().call_later(0.5, kv.process.send_signal, signal.SIGTERM)
        return await asyncio.gather(*(put_until_refused(kv.public, name, ends) for name in range(50)))

    acknowledged = [pair for pairs in asyncio.run(load()) for pair in pairs]
    assert kv.process.wait(timeout=60) == 0
    assert set(ends) == {"201", "refused"}
    assert ends["refused"] == 50
    again = start()
    with httpx.Client() as client:
        for key, value in acknowledged[-100:]:
            assert client.get(f"{again.public}/v1/{key}").content == value
