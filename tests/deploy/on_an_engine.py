"""The compose stack for real, on a Docker engine of its own: ``make docker-test``, a step beside the suite."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from stormlab.live import ports
from stormlab.telemetry import names
from tests.deploy import stand_ins
from tests.deploy.engine import Engine, running_engine
from tools.waiting import wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
DOORS = ("GATEWAY", "PROXY", "JAEGER", "PROMETHEUS", "GRAFANA", "LOCUST")
SERVICES = {
    *("gateway", "kv-0", "kv-1", "fibonacci-0", "fibonacci-1", "postgres", "proxy"),
    *("jaeger", "prometheus", "grafana", "locust", "locust-worker"),
}
PROFILES = ("core", "observe", "load")


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack while it is up."""

    engine: Engine
    env: dict[str, str]

    def compose(self, *words: str) -> str:
        return self.engine.run("docker", "compose", *words, **self.env)

    def stormlab(self, *words: str) -> str:
        return self.engine.run(sys.executable, "-m", "stormlab", *words, **self.env)

    def ask(self, door: str, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.env[f'STORMLAB_{door}_PORT']}{path}"
        try:
            with urlopen(Request(url, body, method=method), timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says, by service."""
        found = json.loads(self.engine.run("docker", "inspect", *self.engine.names("container")))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    numbers = dict(zip((f"STORMLAB_{door}_PORT" for door in DOORS), map(str, _ports()), strict=True))
    with running_engine() as engine:
        stand_ins.build(engine, tmp_path_factory.mktemp("images"))
        settings = {"STORMLAB_BUILD_NETWORK": "host", "STORMLAB_HEALTH_INTERVAL": "1s"}
        profiles = {"COMPOSE_PROFILES": ",".join(PROFILES)}
        yield Stack(engine, {**stand_ins.NAMES, **numbers, **settings, **profiles})


def _ports() -> Iterator[int]:
    """Free ones, not of those that outgoing connections get, because it is a minute until they are taken."""
    numbers = range(25_000 + os.getpid() % 5000, 32_000)
    return itertools.islice((port for port in numbers if not ports.answers(port)), len(DOORS))


def test_the_stack_from_its_start_to_nothing(stack: Stack) -> None:
    before = {kind: stack.engine.names(kind) for kind in ("container", "volume", "network")}

    said = stack.stormlab("up", "--docker", *(word for profile in PROFILES for word in ("--profile", profile)))
    assert f"http://127.0.0.1:{stack.env['STORMLAB_GATEWAY_PORT']}" in said
    found = stack.containers()
    healthy = {name for name, one in found.items() if one["State"].get("Health", {}).get("Status") == "healthy"}
    assert healthy == SERVICES
    assert found["secrets"]["State"]["ExitCode"] == 0

    _is_confined(stack)
    _answers_through_the_gateway(stack)
    _is_seen(stack)
    _is_loaded(stack)
    _keeps_what_was_written(stack)

    stack.compose("down", "-v")
    assert {kind: stack.engine.names(kind) for kind in before} == before


def _is_confined(stack: Stack) -> None:
    for name, one in stack.containers().items():
        host = one["HostConfig"]
        assert one["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], name
        assert host["Memory"] > 0 and host["NanoCpus"] > 0 and host["PidsLimit"] > 0, name
        for bound in (door for doors in host["PortBindings"].values() for door in doors):
            assert bound["HostIp"] == "127.0.0.1", name
        environment = " ".join(one["Config"]["Env"]).lower()
        assert "password=" not in environment.replace("password= ", ""), name


def _answers_through_the_gateway(stack: Stack) -> None:
    assert stack.ask("GATEWAY", "/fibonacci?n=6")[0] == 200
    proxies = json.loads(stack.ask("PROXY", "/proxies")[1])
    assert {name: one["enabled"] for name, one in proxies.items()} == dict.fromkeys(
        ("up-kv-0", "up-kv-1", "up-fibonacci-0", "up-fibonacci-1"), True
    )
    # a toxic on the way of both replicas is felt by the caller
    for replica in (0, 1):
        body = json.dumps({"name": "slow", "type": "latency", "attributes": {"latency": 300}}).encode()
        assert stack.ask("PROXY", f"/proxies/up-fibonacci-{replica}/toxics", "POST", body)[0] == 200
    began = time.monotonic()
    assert stack.ask("GATEWAY", "/fibonacci?n=6")[0] == 200
    assert time.monotonic() - began >= 0.3
    for replica in (0, 1):
        assert stack.ask("PROXY", f"/proxies/up-fibonacci-{replica}/toxics/slow", "DELETE")[0] == 204


def _is_seen(stack: Stack) -> None:
    """Prometheus scrapes every target, Jaeger holds a trace that spans gateway and service."""

    def targets() -> dict[str, str]:
        active = json.loads(stack.ask("PROMETHEUS", "/api/v1/targets")[1])["data"]["activeTargets"]
        return {one["labels"]["instance"]: one["health"] for one in active}

    services = {f"{name}:{port}" for port, pair in {8080: "kv", 3000: "fibonacci"}.items() for name in _replicas(pair)}
    ours = {*services, "gateway:8000", "proxy:8474"}
    wait_for(lambda: {name for name, health in targets().items() if health == "up"} >= ours)
    stack.ask("GATEWAY", "/fibonacci?n=6")

    def spanning() -> bool:
        traces = json.loads(stack.ask("JAEGER", "/api/traces?service=gateway&limit=20")[1])["data"]
        services = [{process["serviceName"] for process in one["processes"].values()} for one in traces]
        return any("gateway" in names and any("fibonacci" in name for name in names) for names in services)

    wait_for(spanning)


def _replicas(service: str) -> tuple[str, str]:
    return f"{service}-0", f"{service}-1"


def _is_loaded(stack: Stack) -> None:
    """Both workers of Locust send requests through the gateway; Prometheus reads how many from each of them."""
    form = b"user_classes=GatewayBrowser&user_count=2&spawn_rate=2&run_time=60s&rate=20&keys=50"
    assert stack.ask("LOCUST", "/swarm", "POST", form)[0] == 200

    def busy_workers() -> int:
        query = f"/api/v1/query?query={names.LOAD_OFFERED}%3E0"
        found = json.loads(stack.ask("PROMETHEUS", query)[1])["data"]["result"]
        return len({one["metric"]["instance"] for one in found})

    wait_for(lambda: busy_workers() == 2)

    def stats() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(stack.ask("LOCUST", "/stats/requests")[1])
        return found

    wait_for(lambda: stats()["stats"][-1]["num_requests"] > 20)
    assert stats()["fail_ratio"] < 0.1, stats()
    assert stack.ask("LOCUST", "/stop", "POST", b"")[0] == 200


def _keeps_what_was_written(stack: Stack) -> None:
    """A replica that is made anew reads its transaction log from PostgreSQL."""
    for _ in range(2):
        assert stack.ask("GATEWAY", "/v1/colour", "PUT", b"blue")[0] in (200, 201, 204)
    stack.compose("up", "--detach", "--wait", "--no-deps", "--force-recreate", "kv-0", "kv-1")
    assert wait_for(lambda: stack.ask("GATEWAY", "/v1/colour") == (200, b"blue"))


def test_a_container_that_does_not_start_is_named_and_nothing_is_left(stack: Stack, tmp_path: Path) -> None:
    wrong = {**stack.env, "TOXIPROXY_IMAGE": stand_ins.NAMES["PROMETHEUS_IMAGE"]}
    with pytest.raises(AssertionError, match="proxy is exited"):
        Stack(stack.engine, wrong).stormlab("up", "--docker", "--profile", "core")
    assert stack.engine.names("container") == set()
    stack.compose("--profile", "*", "down", "--volumes")
