"""A running service under load takes over a changed file and a changed store, and drops nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.services.kv.running import Running
from tests.services.running import metric

pytestmark = pytest.mark.live


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(**settings: object) -> Running:
        started.append(Running(tmp_path / f"kv{len(started)}.log", **settings))
        return started[-1]

    yield run
    for running in started:
        running.end()


def reads(kv: Running, storage: str) -> float:
    return metric(httpx.get(kv.public + "/metrics").text, "stormlab_storage_reads_total", storage=storage)


def replace(path: Path, content: str) -> None:
    """As editors and deployments do: a new file under the old name."""
    beside = path.with_suffix(".new")
    beside.write_text(content)
    beside.replace(path)


async def load(kv: Running, act: Callable[[], None]) -> Counter[str]:
    """How the requests ended that 20 callers made while ``act`` ran in a thread."""
    ends: Counter[str] = Counter()
    done = asyncio.Event()

    async def call(session: aiohttp.ClientSession) -> None:
        while not done.is_set():
            try:
                async with session.get(kv.public + "/v1/k") as answer:
                    ends[f"{answer.status} {(await answer.read()).decode()}"] += 1
            except aiohttp.ClientError as error:
                ends[type(error).__name__] += 1

    async with aiohttp.ClientSession() as session:
        callers = [asyncio.create_task(call(session)) for _ in range(20)]
        try:
            await asyncio.to_thread(act)
        finally:
            done.set()
            await asyncio.gather(*callers)
    return ends


@pytest.mark.parametrize("poll", ["0.1", "3600"])
def test_a_changed_file_flips_flag_and_log_level_without_a_dropped_request(
    tmp_path: Path, start: Callable[..., Running], poll: str
) -> None:
    """With the long period it is the system's notification that tells."""
    file = tmp_path / "settings.yaml"
    file.write_text("log_level: INFO\n")
    kv = start(config_file=file, config_poll=poll)
    httpx.put(kv.public + "/v1/k", content=b"v")

    def act() -> None:
        replace(file, "log_level: WARNING\nflags: {use-new-storage: true}\n")
        changed = kv.until("settings changed")
        assert changed["settings"] == {"flags": {"use-new-storage": True}, "log_level": "WARNING"}
        while not reads(kv, "new"):
            pass
        old = reads(kv, "old")
        replace(file, "flags: {use-new-storage: false\n")
        assert "no YAML" in kv.until("new settings ignored")["error"]
        assert reads(kv, "old") == old
        replace(file, "log_level: WARNING\nflags: {use-new-storage: false}\n")
        kv.until("settings changed")
        while reads(kv, "old") == old:
            pass

    ends = asyncio.run(load(kv, act))
    assert set(ends) == {"200 v"}
    assert sum(ends.values()) > 20
    assert kv.stop() == 0


def test_settings_come_from_another_key_value_service(start: Callable[..., Running]) -> None:
    store = start()
    address = store.public + "/v1/kv-settings.json"
    rules = {"use-new-storage": {"users": ["ann"]}}
    httpx.put(address, content=json.dumps({"flag_rules": rules}).encode())
    kv = start(config_store=address, config_poll="0.1")
    httpx.put(kv.public + "/v1/k", content=b"v")
    for user in ("ann", "bob"):
        httpx.get(kv.public + "/v1/k", headers={"x-stormlab-user": user})
    assert (reads(kv, "new"), reads(kv, "old")) == (1, 1)
    httpx.put(address, content=b"nonsense")
    kv.until("new settings ignored")
    httpx.put(address, content=b'{"flag_rules": {"use-new-storage": {"networks": ["loopback"]}}}')
    kv.until("settings changed")
    httpx.get(kv.public + "/v1/k")
    assert reads(kv, "new") == 2
    store.stop()
    httpx.get(kv.public + "/v1/k")
    assert reads(kv, "new") == 3
