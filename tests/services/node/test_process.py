"""Real nodes in front of replicas that do what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from tests.services.gateway.peers import peer
from tests.services.running import Program, metric, programs, refusal
from tools.waiting import wait_for

pytestmark = pytest.mark.live
Start: TypeAlias = Callable[..., Program]
#: An answer may take its time when the machine is busy: only a refusal and an isolation cost a lease.
LEASE = {"source": "keeper", "every": 0.2, "retry": 0.05, "timeout": 2.0}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Start]:
    """Starts a node with its errands and with settings."""
    with programs() as start:

        def begin(errands: dict[str, Any] | None = None, **settings: Any) -> Program:
            path = tmp_path / "errands.json"
            path.write_text(json.dumps(errands or {}))
            return start("node", errands_file=path, service_time="fixed:0.001", workers=4, **settings)

        yield begin


def ask(program: Program, **headers: str) -> httpx.Response:
    return httpx.get(program.public + "/v1/stormlab", headers=headers, timeout=20.0)


def page(program: Program) -> str:
    return httpx.get(program.public + "/metrics").text


def test_it_asks_all_in_their_order_and_tells_them_on_whose_behalf(node: Start) -> None:
    with peer(lambda _: (200, b"")) as first, peer(lambda _: (200, b"")) as second:
        calls = [
            {"target": "first", "replicas": [first.address]},
            {"target": "second", "replicas": [second.address], "fan_out": 3},
        ]
        program = node({"calls": calls}, service_name="shop")
        told = {"x-stormlab-key": "k7", "x-stormlab-caller": "bob", "x-stormlab-timeout-ms": "20000"}
        assert ask(program, **told).status_code == 200
        assert (len(first.paths), len(second.paths)) == (1, 3)
        assert (first.headers[0]["x-stormlab-key"], first.headers[0]["x-stormlab-caller"]) == ("k7", "bob")
        assert 10_000 < float(first.headers[0]["x-stormlab-timeout-ms"]) <= 20_000
        assert metric(page(program), "stormlab_edge_attempts_total", edge="shop→second", ending="ok") == 3


def test_a_failure_below_is_one_above_and_policies_try_again(node: Start) -> None:
    with peer(lambda number: (500, b"") if number < 2 else (200, b"")) as below:
        retry = [{"kind": "retry", "max_retries": 1, "backoff": {"kind": "none"}}]
        program = node({"calls": [{"target": "below", "replicas": [below.address], "policies": retry}]})
        refused = ask(program)
        assert (refused.status_code, refused.json()["reason"]) == (502, "dependency")
        assert ask(program).status_code == 200
        assert [headers["x-stormlab-attempt"] for headers in below.headers] == ["1", "2", "1"]


def test_a_worker_is_held_while_the_answer_from_below_is_awaited(node: Start) -> None:
    go = threading.Event()

    def behave(_number: int) -> tuple[int, bytes]:
        go.wait(60)
        return 200, b""

    with peer(behave) as below, ThreadPoolExecutor(8) as pool:
        program = node({"calls": [{"target": "below", "replicas": [below.address]}]}, queue_limit=1)
        answers = [pool.submit(ask, program) for _ in range(6)]
        wait_for(lambda: metric(page(program), "stormlab_rejected_total") == 1, what="the sixth, which finds no room")
        assert metric(page(program), "stormlab_workers_busy") == 4
        go.set()
        assert sorted(answer.result().status_code for answer in answers) == [200] * 5 + [503]
        wait_for(lambda: metric(page(program), "stormlab_workers_busy") == 0, what="all workers to be free again")


def test_of_transactions_that_overlap_the_first_succeeds(node: Start) -> None:
    with ThreadPoolExecutor(4) as pool:
        program = node(optimistic=True)
        httpx.put(program.admin + "/capacity", json={"workers": 0})
        same = [pool.submit(ask, program, **{"x-stormlab-key": "hot"}) for _ in range(3)]
        other = pool.submit(ask, program, **{"x-stormlab-key": "cold"})
        wait_for(lambda: metric(page(program), "stormlab_queue_depth") == 4, what="all of them to be under way")
        httpx.delete(program.admin + "/capacity")
        assert sorted(one.result().status_code for one in same) == [200, 409, 409]
        assert other.result().status_code == 200
        assert "conflict" in {one.result().json()["reason"] for one in same if one.result().status_code == 409}


def test_replicas_serve_while_they_hold_their_lease(node: Start) -> None:
    grants = threading.Event()
    grants.set()
    with peer(lambda _: (200, b"") if grants.is_set() else (503, b"")) as keeper:
        lease = {"lease": LEASE, "granted_by": {"target": "keeper", "replicas": [keeper.address]}}
        program = node(lease, more_ports="[0, 0, 0]", service_name="storage")

        def share() -> float:
            return metric(page(program), "stormlab_in_service_ratio")

        wait_for(lambda: share() == 1.0, what="everybody to hold a lease")
        assert ask(program).status_code == 200
        grants.clear()
        wait_for(lambda: share() == 0.0, what="nobody to hold a lease")
        assert ask(program).json()["reason"] == "no-lease"
        assert metric(page(program), "stormlab_capacity_per_second") == 0
        grants.set()
        wait_for(lambda: share() == 1.0, what="everybody to hold one again")
        assert httpx.put(program.admin + "/isolations/cut", json={"share": 0.5}).json() == {
            "replicas": 4,
            "isolated": 2,
        }
        wait_for(lambda: share() == 0.5, what="those that are cut off to lose theirs")
        httpx.delete(program.admin + "/isolations/cut")
        wait_for(lambda: share() == 1.0, what="the end of the isolation")
        httpx.put(program.admin + "/blocks/operators", json={})
        before = len(keeper.paths)
        for _ in range(60):
            assert share() == 1.0
        assert len(keeper.paths) <= before + 4
        httpx.delete(program.admin + "/blocks/operators")
        wait_for(lambda: len(keeper.paths) > before + 8, what="renewals")


def test_a_cache_that_is_flushed_asks_again(node: Start) -> None:
    with peer(lambda _: (200, b"")) as below:
        call = {"target": "below", "replicas": [below.address], "cache": {"capacity": 10}}
        program = node({"calls": [call]})
        for _ in range(3):
            ask(program, **{"x-stormlab-key": "a"})
        assert httpx.post(program.admin + "/caches/flush", json={}).json() == {"before": 1, "left": 0}
        ask(program, **{"x-stormlab-key": "a"})
        assert len(below.paths) == 2
        assert metric(page(program), "stormlab_cache_hits_total") == 2


def test_errands_that_cannot_be_used_are_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "errands.json"
    path.write_text(json.dumps({"calls": [{"target": "b", "replicas": ["nowhere"]}]}))
    status, words = refusal("node", ERRANDS_FILE=str(path))
    assert status == 2
    assert "calls.0.replicas.0" in words
    path.write_text(json.dumps({"lease": LEASE}))
    assert "lease and granted_by belong together" in refusal("node", ERRANDS_FILE=str(path))[1]
