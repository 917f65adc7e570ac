"""The REST front end through its whole stack of guards, in process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.kv.file_log import Durability, FileLog
from services.kv.rest import rest_app
from services.kv.service import KeyValueService
from services.kv.settings import KvSettings
from stormlab.telemetry import names

Body = Callable[[httpx.AsyncClient, httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., None]:
    """Runs a conversation with a fresh service: a public client and one of the administration."""

    def run(body: Body, **settings: Any) -> None:
        asyncio.run(converse(body, settings))

    async def converse(body: Body, settings: dict[str, Any]) -> None:
        service = KeyValueService(KvSettings(tlog_durability=Durability.NEVER, **settings))
        await service.open(FileLog(tmp_path / "kv.log"))
        public, admin = (
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kv")
            for app in (rest_app(service), service.admin())
        )
        async with public, admin:
            await body(public, admin)
        await service.close()

    return run


def metric(page: str, name: str, **labels: str) -> float:
    """The sum of the series of ``name`` whose labels contain ``labels``."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in page.splitlines() if line.startswith(name + "{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(item in line for item in wanted))


def test_put_get_delete(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        assert (await kv.put("/v1/k", content=b"1")).status_code == 201
        assert (await kv.put("/v1/k", content=b"2")).status_code == 204
        answer = await kv.get("/v1/k")
        assert (answer.status_code, answer.content) == (200, b"2")
        assert [(await kv.delete("/v1/k")).status_code for _ in range(2)] == [204, 204]
        gone = await kv.get("/v1/k")
        assert (gone.status_code, gone.json()["error"]) == (404, "no such key")

    talk(body)


@pytest.mark.parametrize("key", ["a/b", " ", "ü€😀", "a%2Fb", "?q=1#f", "..", "\x00\n", "+", "a\\b", "livez"])
def test_any_unicode_key_is_its_own_key(talk: Callable[..., None], key: str) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        path = "/v1/" + quote(key, safe="").replace(".", "%2E")
        value = bytes(range(256))
        assert (await kv.put(path, content=value)).status_code == 201
        assert (await kv.get(path)).content == value
        assert (await kv.get("/v1/other")).status_code == 404

    talk(body)


def test_limits_answer_400_and_413(talk: Callable[..., None]) -> None:
    async def chunks() -> Any:
        yield b"123"
        yield b"456"

    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        long = await kv.get("/v1/" + "x" * 9)
        assert (long.status_code, long.json()) == (
            400,
            {"reason": "invalid-key", "error": "the key has 9 characters; 8 are allowed"},
        )
        assert (await kv.put("/v1/" + "\U0001f986" * 8, content=b"")).status_code == 201
        assert (await kv.get("/v1/" + "\U0001f986" * 9)).status_code == 400
        assert (await kv.get("/v1/")).status_code == 400
        assert (await kv.get("/v1/%ff")).status_code == 400
        assert (await kv.put("/v1/k", content=b"12345")).status_code == 201
        assert (await kv.put("/v1/k", content=b"123456")).status_code == 413
        assert (await kv.put("/v1/k", content=chunks())).status_code == 413
        assert (await kv.get("/v1/k")).content == b"12345"

    talk(body, max_key_length=8, max_value_bytes=5)


def test_credit(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        async def credit(**fields: Any) -> tuple[int, Any]:
            answer = await kv.post("/v1/a%2Fb/credit", json=fields)
            return answer.status_code, answer.json()

        assert await credit(amount=100, transactionID="t") == (200, {"balance": 100, "duplicate": False})
        assert await credit(amount=100, transactionID="t") == (200, {"balance": 100, "duplicate": True})
        assert (await kv.get("/v1/a%2Fb")).content == b"100"
        assert (await credit(amount=1, transactionID="t"))[0] == 409
        bad: list[dict[str, Any]] = [
            {},
            {"amount": 1},
            {"amount": 0, "transactionID": "u"},
            {"amount": 1.5, "transactionID": "u"},
            {"amount": True, "transactionID": "u"},
            {"amount": "1", "transactionID": "u"},
            {"amount": 1, "transactionID": "u", "more": 1},
            {"amount": 10**30, "transactionID": "u"},
        ]
        assert [await credit(**fields) for fields in bad if (await credit(**fields))[0] != 400] == []
        assert (await kv.post("/v1/k/credit", content=b"{")).status_code == 400
        assert (await kv.get("/v1/k/credit")).headers["allow"] == "POST"

    talk(body)


def test_other_routes_and_methods(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        assert (await kv.get("/")).status_code == 404
        assert (await kv.get("/v1/a/b")).status_code == 404
        wrong = await kv.patch("/v1/a")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, PUT, DELETE")
        assert (await kv.post("/livez")).status_code == 405

    talk(body)


def test_a_full_queue_is_503_that_says_when_to_come_back_and_health_passes_by(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        hanging = [asyncio.create_task(kv.get("/v1/k")) for _ in range(3)]
        while metric((await kv.get("/metrics")).text, names.QUEUE_DEPTH) < 2:
            await asyncio.sleep(0)
        refused = await kv.get("/v1/k")
        assert (refused.status_code, refused.json()["reason"]) == (503, "queue-full")
        assert refused.headers["retry-after"] == "1"
        assert (await kv.get("/livez")).status_code == 200
        page = (await kv.get("/metrics")).text
        assert metric(page, names.WORKERS_BUSY) == 1
        assert metric(page, names.QUEUE_DEPTH) == 2
        assert metric(page, names.REJECTED) == 1
        assert metric(page, names.CAPACITY) == pytest.approx(2)
        assert [(await task).status_code for task in hanging] == [404] * 3
        page = (await kv.get("/metrics")).text
        assert metric(page, names.COMPLETIONS) == 3
        assert metric(page, names.SERVICE_SECONDS) == pytest.approx(1.5)

    talk(body, workers=1, queue_limit=2, service_time="fixed:0.5")


def test_work_finished_after_its_deadline_is_executed_and_counts_as_wasted(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        for key, budget in (("late", "10"), ("in-time", "5000"), ("none", ""), ("odd", "soon")):
            await kv.put(f"/v1/{key}", content=b"", headers={names.DEADLINE_HEADER: budget} if budget else {})
            assert (await kv.get(f"/v1/{key}")).status_code == 200
        assert metric((await kv.get("/metrics")).text, names.WASTED) == 1

    talk(body, workers=1, service_time="fixed:0.02")


def test_the_dose_of_a_fault_is_what_was_asked_for_and_is_counted(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        fault = {"kind": "error", "probability": 0.3, "status": 500, "method": "GET"}
        assert (await admin.put("/faults/flaky", json=fault)).status_code == 200
        statuses = [(await kv.get("/v1/k")).status_code for _ in range(1000)]
        await kv.put("/v1/k", content=b"")
        assert statuses.count(500) + statuses.count(404) == 1000
        assert 250 <= statuses.count(500) <= 350
        dose = (await admin.get("/faults/flaky")).json()
        assert (dose["eligible"], dose["injected"]) == (1000, statuses.count(500))
        page = (await kv.get("/metrics")).text
        assert metric(page, names.FAULT_ELIGIBLE, fault="flaky") == 1000
        assert metric(page, names.FAULTS_INJECTED, fault="flaky", kind="error") == statuses.count(500)
        assert metric(page, names.FAULT_ACTIVE, fault="flaky") == 1
        assert (await admin.delete("/faults/flaky")).status_code == 200
        assert (await admin.delete("/faults/flaky")).status_code == 404
        assert (await kv.get("/v1/k")).status_code == 200
        assert metric((await kv.get("/metrics")).text, names.FAULT_ACTIVE, fault="flaky") == 0

    talk(body)


def test_the_same_seed_strikes_the_same_requests(talk: Callable[..., None]) -> None:
    runs: list[list[int]] = []

    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        await admin.put("/faults/flaky", json={"kind": "error", "probability": 0.5})
        runs.append([(await kv.get("/v1/k")).status_code for _ in range(50)])

    for seed in (1, 1, 2):
        talk(body, seed=seed)
    assert runs[0] == runs[1] != runs[2]


def test_a_delay_lets_the_request_through_afterwards(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        await admin.put("/faults/slow", json={"kind": "delay", "delay": 0.01, "route": "/v1/{key}"})
        assert (await kv.put("/v1/k", content=b"v")).status_code == 201
        page = (await kv.get("/metrics")).text
        assert metric(page, names.REQUEST_SECONDS + "_sum", method="PUT") >= 0.01
        await admin.delete("/faults")
        assert (await admin.get("/faults")).json() == {}

    talk(body)


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "fire"},
        {"kind": "error", "probability": 1.5},
        {"kind": "error", "status": 200},
        {"kind": "error", "delay": 1},
        {"kind": "delay"},
        {"kind": "error", "probabilty": 0.5},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(talk: Callable[..., None], fault: dict[str, Any]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        answer = await admin.put("/faults/x", json=fault)
        assert (answer.status_code, answer.json()["reason"]) == (400, "bad-input")
        assert (await admin.get("/faults")).json() == {}

    talk(body)


def test_capacity_is_cut_and_restored_live(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        cut = await admin.put("/capacity", json={"workers": 4, "speed": 0.25})
        assert cut.json() == {"workers": 4, "speed": 0.25, "capacity": 10.0, "queue_limit": 1000}
        assert (await admin.put("/capacity", json={"speed": 0})).status_code == 400
        assert metric((await kv.get("/metrics")).text, names.SPEED) == 0.25
        restored = {"workers": 10, "speed": 1.0, "capacity": 100.0, "queue_limit": 1000}
        assert (await admin.delete("/capacity")).json() == restored

    talk(body, workers=10)


def test_what_was_acknowledged_is_there_after_a_restart(talk: Callable[..., None]) -> None:
    async def first(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        await asyncio.gather(*(kv.put(f"/v1/k{number}", content=b"%d" % number) for number in range(50)))
        await kv.delete("/v1/k7")

    async def second(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        assert (await kv.get("/v1/k7")).status_code == 404
        assert (await kv.get("/v1/k49")).content == b"49"

    talk(first)
    talk(second)


def test_health_pages_name_their_checks(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        ready = (await kv.get("/readyz")).json()
        assert set(ready["checks"]) == {"history", "folder", "memory", "open-files"}
        deep = await kv.get("/healthz/deep")
        assert (deep.status_code, set(deep.json()["checks"])) == (200, {"history", "log", "read"})

    talk(body)


def test_the_folder_of_a_transaction_file_is_looked_at_only_where_there_is_one(talk: Callable[..., None]) -> None:
    async def status(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        found.append((await kv.get("/readyz")).json()["checks"]["folder"]["status"])

    found: list[str] = []
    for kind in ("file", "postgres"):
        talk(status, tlog_type=kind, tlog_filename=Path("/no/such/folder/kv.log"))
    assert found == ["failing", "healthy"]


def test_the_cache_is_seen_in_the_metrics_and_can_be_emptied(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        await kv.put("/v1/k", content=b"1")
        for _ in range(3):
            assert (await kv.get("/v1/k")).content == b"1"
        page = (await kv.get("/metrics")).text
        assert metric(page, names.CACHE_HITS) == 2
        assert metric(page, names.CACHE_HIT_RATIO) == pytest.approx(2 / 3)
        assert (await admin.delete("/cache")).status_code == 204
        assert metric((await kv.get("/metrics")).text, names.CACHE_ENTRIES) == 0
        await kv.put("/v1/k", content=b"2")
        assert (await kv.get("/v1/k")).content == b"2"

    talk(body, cache_capacity=2, backing_workers=1, backing_time="fixed:0.001", shards=4)


def test_a_backing_store_that_is_full_is_503(talk: Callable[..., None]) -> None:
    async def body(kv: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(kv.get("/v1/k") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [404, 503, 503]

    talk(body, backing_workers=1, backing_time="fixed:1", backing_queue_limit=0)
