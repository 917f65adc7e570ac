"""The gateway as a real process, in front of real services and of peers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from stormlab.telemetry import names
from tests.services.collector import collecting
from tests.services.contract import findings
from tests.services.gateway.conftest import Start, address
from tests.services.gateway.peers import peer
from tests.services.running import Program, metric, refusal
from tools.waiting import wait_for

pytestmark = pytest.mark.live
Gateway = Callable[..., Program]


def upstream(*replicas: str, policies: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {"replicas": list(replicas), "policies": policies or [], "health": None} | more


def page(program: Program) -> str:
    return httpx.get(program.public + "/metrics").text


def kv_service(start: Start, folder: Path, number: int = 0, **settings: Any) -> Program:
    return start("kv", tlog_filename=folder / f"kv-{number}.log", tlog_durability="never", **settings)


def test_three_routes_lead_to_two_services(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    kv, fibonacci = kv_service(start, tmp_path), start("fibonacci")
    front = gateway(kv=upstream(address(kv)), fibonacci=upstream(address(fibonacci)))
    with httpx.Client(base_url=front.public) as client:
        key = "/v1/a%2Fb%20%C3%A9"
        assert client.put(key, content=b"\x00\xff").status_code == 201
        assert client.put(key, content=b"").status_code == 204
        assert client.put(key, content=b"\x00\xff").status_code == 204
        got = client.get(key)
        assert (got.content, got.headers["content-type"]) == (b"\x00\xff", "application/octet-stream")
        assert httpx.get(kv.public + key).content == b"\x00\xff"
        credit = client.post("/v1/n/credit", json={"amount": 2, "transactionID": "t"})
        assert credit.json() == {"balance": 2, "duplicate": False}
        assert client.delete(key).status_code == 204
        missing = client.get(key)
        assert (missing.status_code, missing.json()["reason"]) == (404, "no-such-key")
        assert client.get("/fibonacci?n=6").text == "13"
        assert client.get("/fibonacci?n=100000").status_code == 400
        assert client.get("/nowhere").status_code == 404
        assert client.post("/fibonacci?n=6").headers["allow"] == "GET"
        longest = "\U0001f986" * 1024
        assert client.put("/v1/" + longest, content=b"v").status_code == 201
        assert client.get("/v1/" + longest + "k").json()["reason"] == "invalid-key"
    assert front.stop() == 0


def test_over_grpc_as_well(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    kv = kv_service(start, tmp_path, frontend_type="rest,grpc", grpc_port=0)
    front = gateway(kv=upstream(address(kv, "grpc"), protocol="grpc", policies=[{"kind": "timeout", "seconds": 5}]))
    with httpx.Client(base_url=front.public) as client:
        assert client.get("/v1/k").status_code == 404
        assert client.put("/v1/k", content=b"\x00\xff").status_code == 204
        assert client.get("/v1/k").content == b"\x00\xff"
        assert client.delete("/v1/k").status_code == 204
        assert client.post("/v1/k/credit", json={}).status_code == 404
    assert metric(httpx.get(kv.public + "/metrics").text, names.REQUESTS, method="RPC", status="OK") == 3
    assert front.stop() == 0


def test_failures_are_retried_and_counted(gateway: Gateway) -> None:
    with peer(lambda number: (500, b"") if number % 2 == 0 else (200, b"v")) as replica:
        policies = [{"kind": "retry", "max_retries": 2, "backoff": {"kind": "none"}}]
        front = gateway(kv=upstream(replica.address, policies=policies))
        with httpx.Client(base_url=front.public) as client:
            assert [client.get("/v1/k").content for _ in range(5)] == [b"v"] * 5
        assert [headers[names.ATTEMPT_HEADER] for headers in replica.headers] == ["1", "2"] * 5
        text = page(front)
        assert metric(text, names.EDGE_ATTEMPTS, edge="kv", ending="ok") == 5
        assert metric(text, names.EDGE_ATTEMPTS, edge="kv", ending="error") == 5
        assert metric(text, names.EDGE_REQUESTS, edge="kv", ending="ok") == 5
        assert metric(text, names.EDGE_AMPLIFICATION, edge="kv") == 2


def test_a_connection_that_breaks_is_an_attempt_and_is_not_repeated_in_secret(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"v") if number % 2 == 0 else None) as replica:
        front = gateway(kv=upstream(replica.address))
        with httpx.Client(base_url=front.public) as client:
            answers = [client.get("/v1/k") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 502, 200, 502]
        assert answers[1].json()["reason"] == "connection-lost"
        assert len(replica.paths) == 4
        assert metric(page(front), names.EDGE_ATTEMPTS, edge="kv") == 4


def test_the_breaker_opens_and_says_so(gateway: Gateway) -> None:
    with peer(lambda number: (500, b"broken")) as replica:
        front = gateway(kv=upstream(replica.address, policies=[{"kind": "consecutive-breaker", "failures": 3}]))
        assert metric(page(front), names.EDGE_STATE, edge="kv", state="closed") == 1
        with httpx.Client(base_url=front.public) as client:
            assert [client.get("/v1/k").status_code for _ in range(3)] == [500] * 3
            refused = client.get("/v1/k")
        assert (refused.status_code, refused.json()["reason"]) == (503, "breaker-open")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert len(replica.paths) == 3
        text = page(front)
        assert metric(text, names.EDGE_STATE, edge="kv", state="open") == 1
        assert metric(text, names.EDGE_REQUESTS, edge="kv", ending="refused") == 1


def test_a_fallback_answers_reads_and_never_acknowledges_a_write(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"v") if number < 2 else (500, b"")) as replica:
        front = gateway(kv=upstream(replica.address, policies=[{"kind": "fallback"}]))
        with httpx.Client(base_url=front.public) as client:
            assert client.get("/v1/k").content == b"v"
            assert client.put("/v1/k", content=b"w").status_code == 200
            assert client.get("/v1/k").content == b"v"
            assert client.put("/v1/k", content=b"w").status_code == 502
        assert metric(page(front), names.EDGE_FALLBACKS, edge="kv") == 2


def test_deadlines_travel_and_shrink(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"v")) as replica:
        front = gateway(kv=upstream(replica.address, policies=[{"kind": "timeout", "seconds": 20}]))
        httpx.get(front.public + "/v1/k")
        httpx.get(front.public + "/v1/k", headers={names.DEADLINE_HEADER: "5000"})
        assert httpx.get(front.public + "/v1/k", headers={names.DEADLINE_HEADER: "0"}).status_code == 504
        own, given = (int(headers[names.DEADLINE_HEADER]) for headers in replica.headers)
        assert 5000 < own <= 20_000
        assert 0 < given <= 5000


def test_an_answer_that_is_too_long_is_a_failure(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"x" * 2000)) as replica:
        front = gateway(kv=upstream(replica.address), max_answer_bytes=1000)
        answer = httpx.get(front.public + "/v1/k")
        assert (answer.status_code, answer.json()["reason"]) == (502, "answer-too-long")


def test_the_guards_of_every_service_stand_before_the_upstreams(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"v")) as replica:
        guards = '[{"kind": "caller-throttle", "rate": 0.001, "burst": 2}]'
        front = gateway(kv=upstream(replica.address), guards=guards)
        with httpx.Client(base_url=front.public) as client:
            answers = [client.get("/v1/k") for _ in range(4)]
            assert client.get("/livez").status_code == 200
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[2].headers["retry-after"]) > 1
        assert len(replica.paths) == 2


def test_nobody_listens(gateway: Gateway) -> None:
    front = gateway(kv=upstream("127.0.0.1:1"))
    answer = httpx.get(front.public + "/v1/k")
    assert (answer.status_code, answer.json()["reason"]) == (502, "connection-refused")
    assert httpx.get(front.public + "/livez").status_code == 200


def test_one_trace_from_the_gateway_through_its_attempts_to_the_service(start: Start, gateway: Gateway) -> None:
    with collecting() as collector:
        traced: dict[str, Any] = {"otel_exporter_otlp_endpoint": collector.endpoint, "otel_traces_sampler_arg": 1}
        fibonacci = start("fibonacci", **traced)
        front = gateway(fibonacci=upstream(address(fibonacci)), **traced)
        parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        assert httpx.get(front.public + "/fibonacci?n=3", headers={"traceparent": parent}).text == "3"
        assert (front.stop(), fibonacci.stop()) == (0, 0)
    spans = {(span.service, span.name): span for span in collector.spans}
    entry, attempt = spans["gateway", "GET /fibonacci"], spans["gateway", "fibonacci attempt"]
    served = spans["fibonacci", "GET /"]
    assert {span.trace for span in collector.spans} == {"a" * 32}
    assert (entry.parent, attempt.parent, served.parent) == ("b" * 16, entry.id, attempt.id)
    assert (attempt.attributes[names.ATTRIBUTE_ATTEMPT], attempt.attributes[names.ATTRIBUTE_ENDING]) == (1, "ok")
    assert Counter(span.name for span in collector.spans)["Fibonacci"] == 5


def test_a_trace_goes_on_over_grpc(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    with collecting() as collector:
        traced: dict[str, Any] = {"otel_exporter_otlp_endpoint": collector.endpoint, "otel_traces_sampler_arg": 1}
        kv = kv_service(start, tmp_path, frontend_type="rest,grpc", grpc_port=0, **traced)
        front = gateway(kv=upstream(address(kv, "grpc"), protocol="grpc"), **traced)
        assert httpx.put(front.public + "/v1/k", content=b"v").status_code == 204
        assert (front.stop(), kv.stop()) == (0, 0)
    spans = {span.name: span for span in collector.spans}
    entry, attempt, served = spans["PUT /v1/{key}"], spans["kv attempt"], spans["stormlab.kv.v1.KeyValue/Put"]
    assert (served.service, served.trace) == ("kv", entry.trace)
    assert (attempt.parent, served.parent) == (entry.id, attempt.id)
    assert served.attributes[names.ATTRIBUTE_RPC_STATUS] == 0


def test_replicas_that_fail_their_health_checks_are_left_out(gateway: Gateway) -> None:
    checks = {"interval": 0.02, "timeout": 1, "failures": 2, "successes": 2}
    well = {"one": True, "other": True}

    def behaviour(name: str) -> Callable[[int], tuple[int, bytes]]:
        return lambda number: (200 if well[name] else 503, name.encode())

    with peer(behaviour("one")) as one, peer(behaviour("other")) as other:
        front = gateway(kv=upstream(one.address, other.address, health=checks))

        def until(healthy: int) -> None:
            wait_for(lambda: metric(page(front), names.REPLICA_HEALTHY, edge="kv") == healthy)

        with httpx.Client(base_url=front.public) as client:
            assert {client.get("/v1/k").content for _ in range(4)} == {b"one", b"other"}
            well["one"] = False
            until(1)
            assert {client.get("/v1/k").content for _ in range(10)} == {b"other"}
            well["other"] = False
            until(0)
            seen = {client.get("/v1/k").content for _ in range(4)}
            assert seen == {b"one", b"other"}
            assert "fail-open" in client.get("/healthz/deep").json()["checks"]["kv"]["detail"]
            well |= {"one": True, "other": True}
            until(2)
            assert {client.get("/v1/k").status_code for _ in range(4)} == {200}


def test_a_replica_that_fails_more_than_the_other_is_ejected(gateway: Gateway) -> None:
    with peer(lambda number: (200, b"good")) as good, peer(lambda number: (500, b"bad")) as bad:
        outlier = {"consecutive": 3, "max_ejected": 0.5}
        front = gateway(kv=upstream(good.address, bad.address, outlier=outlier))
        with httpx.Client(base_url=front.public) as client:
            statuses = Counter(client.get("/v1/k").status_code for _ in range(20))
        assert statuses == {200: 17, 500: 3}
        assert metric(page(front), names.EDGE_STATE, policy="outlier-ejection", state="ejected") == 1


def test_a_caller_that_leaves_takes_the_work_with_it(start: Start, gateway: Gateway) -> None:
    fibonacci = start("fibonacci", max_n=25)
    front = gateway(fibonacci=upstream(address(fibonacci)))
    host, port = address(front).split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /fibonacci?n=25 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: metric(page(fibonacci), names.FIBONACCI_CALLS) > 0, what="the work to begin")
    wait_for(lambda: metric(page(fibonacci), names.TASKS) <= 20, what="the work to end")
    assert metric(page(fibonacci), names.FIBONACCI_CALLS) < 242785
    wait_for(lambda: metric(page(front), names.EDGE_ATTEMPTS, edge="fibonacci", ending="timeout") == 1)


def test_health_answers_while_everything_else_is_refused(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    kv = kv_service(start, tmp_path, workers=1, service_time="fixed:30")
    front = gateway(kv=upstream(address(kv)), max_requests=20)

    async def overload() -> Counter[int]:
        ends: Counter[int] = Counter()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def get() -> None:
                async with session.get(front.public + "/v1/k") as answer:
                    ends[answer.status] += 1

            callers = [asyncio.create_task(get()) for _ in range(200)]
            while ends[503] < 180:
                async with session.get(front.public + "/livez") as answer:
                    assert answer.status == 200
                await asyncio.sleep(0)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        return ends

    assert asyncio.run(overload()) == {503: 180}


def test_sigterm_under_load_loses_no_request(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    kv = kv_service(start, tmp_path)
    front = gateway(kv=upstream(address(kv)))
    ends: Counter[str] = Counter()

    async def put(session: aiohttp.ClientSession, name: int) -> None:
        number = 0
        while True:
            try:
                async with session.put(f"{front.public}/v1/{name}-{number}", data=b"v") as answer:
                    ends[str(answer.status)] += 1
                    number += 1
            except aiohttp.ClientConnectorError:
                ends["refused"] += 1
                return
            except aiohttp.ClientError as error:
                ends[type(error).__name__] += 1
                return

    async def load() -> None:
        asyncio.get_running_loop().call_later(0.5, front.process.send_signal, signal.SIGTERM)
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(put(session, name) for name in range(50)))

    asyncio.run(load())
    assert front.process.wait(timeout=60) == 0
    assert (set(ends), ends["refused"]) == ({"201", "refused"}, 50)
    assert metric(httpx.get(kv.public + "/metrics").text, "stormlab_keys") == ends["201"]


def test_a_file_that_cannot_be_used_is_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "upstreams.toml"
    path.write_text("[kv]\nreplicas = 3")
    code, words = refusal("gateway", UPSTREAMS_FILE=str(path))
    assert (code, "kv.replicas" in words, "Traceback" in words) == (2, True, False)


def test_the_openapi_document_is_true(start: Start, gateway: Gateway, tmp_path: Path) -> None:
    kv, fibonacci = kv_service(start, tmp_path), start("fibonacci", max_n=12)
    front = gateway(kv=upstream(address(kv)), fibonacci=upstream(address(fibonacci)), max_n=12, max_value_bytes=20_000)
    assert findings(front.public, tmp_path) == ""
    assert front.stop() == 0
