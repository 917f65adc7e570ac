"""Load over HTTP and gRPC under policies: retries that cure, spans that the service's hang from, and a scrape page."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormlab.live.ports import free
from stormlab.telemetry import names
from tests.loadtests.playing import Played, playing
from tests.services.collector import Arrived, Collector, collecting
from tests.services.running import metric, programs
from tools.waiting import wait_for

pytestmark = pytest.mark.live

POLICIES = '[{"kind": "retry", "max_retries": 6}, {"kind": "timeout", "seconds": 5}]'
#: Of the requests that the service refuses, by method: reads over HTTP, and whatever comes over gRPC.
SHARE = 0.3


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Played, Collector, str]]:
    """A service that refuses many requests, loaded over HTTP and gRPC; what was scraped last."""
    folder = tmp_path_factory.mktemp("joined")
    with collecting() as collector, programs() as start, playing() as (_, play):
        telemetry = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
        telemetry |= {"OTEL_BSP_SCHEDULE_DELAY": "200"}
        kv = start("kv", frontend_type="rest,grpc", grpc_port="0", tlog_filename=folder / "kv.log", **telemetry)
        for method in ("GET", "RPC"):
            refuse(kv.admin, method)
        (port,) = free(1)
        words = ["--kv-url", kv.public, "--kv-grpc", kv.addresses["grpc"], "--policies", POLICIES, "-t", "3s"]
        words += ["--rate", "40", "--keys", "20", "--write-share", "0.5", "--fill", "no", "--metrics-port", str(port)]
        run = play(folder / "run", *words, "KvMixed", "KvGrpc", **telemetry, OTEL_TRACES_SAMPLER_ARG="1")
        scraped = [""]
        wait_for(lambda: scrape(port, scraped) or run.process.poll() is not None, seconds=90.0)
        while run.process.poll() is None:
            scrape(port, scraped)
            time.sleep(0.05)
        yield run, collector, scraped[0]


def scrape(port: int, last: list[str]) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            last[0] = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return False
    return True


def refuse(admin: str, method: str) -> None:
    """Let the service refuse a share of the requests of ``method``."""
    spec = {"kind": "error", "probability": SHARE, "status": 503, "method": method, "route": None}
    request = urllib.request.Request(f"{admin}/faults/{method}", json.dumps(spec).encode(), method="PUT")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request):
        pass


def by_id(spans: list[Arrived]) -> dict[str, Arrived]:
    return {span.id: span for span in spans}


@pytest.mark.parametrize("client", ["kv-mixed", "kv-grpc"])
def test_spans_of_the_service_hang_from_those_of_the_load(played: tuple[Played, Collector, str], client: str) -> None:
    run, collector, _ = played
    assert run.status() == 0, run.said()
    known = by_id(collector.spans)
    chains = [
        (span, known[span.parent], known[known[span.parent].parent])
        for span in collector.spans
        if span.service == "kv" and span.parent in known and known[span.parent].parent in known
    ]
    mine = [chain for chain in chains if chain[2].name == client]
    assert len(mine) > 20
    for server, attempt, request in mine:
        assert (attempt.service, request.service, request.parent) == ("load", "load", "")
        assert server.trace == attempt.trace == request.trace
    tries = {attempt.attributes[names.ATTRIBUTE_ATTEMPT] for _, attempt, _ in mine}
    assert {1, 2} <= tries


def test_the_scrape_page_tells_of_requests_attempts_and_lateness(played: tuple[Played, Collector, str]) -> None:
    run, _, page = played
    results = run.results()
    for client in ("kv-mixed", "kv-grpc"):
        offered = metric(page, names.LOAD_OFFERED, edge=client)
        assert 0 < offered <= results["clients"][client]["ended"]
        assert 0 < metric(page, names.EDGE_ATTEMPTS, edge=client) <= results["clients"][client]["attempts"]
        assert metric(page, names.EDGE_REQUESTS, edge=client, ending="ok") > 0
        assert metric(page, names.LOAD_LATENESS_SECONDS + "_count", edge=client) > 0


def test_retries_cure_over_both_protocols(played: tuple[Played, Collector, str]) -> None:
    """Each request takes 1 ÷ (1 − share) attempts: all over gRPC, the half that reads over HTTP."""
    clients = played[0].results()["clients"]
    for name, share in (("kv-grpc", SHARE), ("kv-mixed", SHARE / 2)):
        one = clients[name]
        assert one["endings"].get("error", 0) + one["endings"].get("overloaded", 0) <= 2
        assert one["attempts"] / one["ended"] == pytest.approx(1 + share / (1 - SHARE), abs=0.25)


def test_keys_are_written_to_every_replica(tmp_path: Path) -> None:
    with playing() as (serve, play):
        replicas = [serve() for _ in range(2)]
        urls = ", ".join(one.url for one in replicas)
        run = play(tmp_path / "run", "-H", replicas[0].url, "--fill-urls", urls, "--keys", "9", "-t", "1s", "KvReader")
        assert run.status() == 0, run.said()
        for replica in replicas:
            written = {path for path in replica.seen() if path.startswith("PUT")}
            assert written == {f"PUT /v1/load-{number}" for number in range(9)}
