"""The compose file as text: pinned, confined, bounded, healthy, on loopback; and that Docker's own reader takes it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import yaml

from services.gateway.settings import read_upstreams
from stormlab.chaos.client import ProxySpec
from stormlab.console.compose import PROFILES, USUAL
from tests.conftest import ROOT
from tests.deploy.engine import docker_config

FILE = ROOT / "docker-compose.yml"
STACK: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
#: Variables whose names end so choose an image.
_DEFAULT = re.compile(r"\$\{[A-Z_]*IMAGE:-(?P<name>[^}]+)\}")


def each(test: Any) -> Any:
    return pytest.mark.parametrize("name", SERVICES)(test)


@each
def test_images_are_pinned_and_their_names_can_be_replaced(name: str) -> None:
    default = _DEFAULT.fullmatch(SERVICES[name]["image"])
    assert default is not None
    image, _, tag = default["name"].rpartition(":")
    assert image.startswith("stormlab") or re.search(r"\d+\.\d+", tag), "a version, no moving tag"


@each
def test_containers_are_confined(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] and one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.startswith("/tmp:") for mount in one["tmpfs"]), "readiness checks and libraries write there"
    assert re.fullmatch(r"[1-9]\d*:\d+", one["user"]), "a number, so that it is known not to be root"
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@each
def test_ports_are_on_loopback_and_can_be_chosen(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{STORMLAB_[A-Z]+_PORT:-\d+\}:\d+", port)


@each
def test_what_stays_up_has_a_health_check_and_nothing_starts_before_what_it_needs(name: str) -> None:
    one = SERVICES[name]
    assert name == "secrets" or one["healthcheck"]["test"][0] == "CMD"
    for needed, how in one.get("depends_on", {}).items():
        done = "service_completed_successfully" if needed == "secrets" else "service_healthy"
        assert how == {"condition": done}
        assert set(one["profiles"]) <= set(SERVICES[needed]["profiles"]), f"{needed} is there whenever {name} is"


@each
def test_no_password_is_written_down(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if "PASSWORD" in variable and not variable.endswith("_FILE"):
            assert re.fullmatch(r"\$\{[A-Z_]+:-\}", value), "empty unless the caller's environment has it"


def test_profiles_are_those_that_the_command_line_knows() -> None:
    assert {profile for one in SERVICES.values() for profile in one["profiles"]} == set(PROFILES)
    assert f"COMPOSE_PROFILES={','.join(USUAL)}\n" in (ROOT / ".env").read_text(encoding="utf-8")


def test_the_addresses_in_the_files_are_those_of_services() -> None:
    upstreams = read_upstreams(ROOT / "deploy" / "gateway" / "upstreams.toml")
    proxies = [
        ProxySpec(name=one["name"], listen=one["listen"], upstream=one["upstream"])
        for one in json.loads((ROOT / "deploy" / "toxiproxy" / "proxies.json").read_text(encoding="utf-8"))
    ]
    behind = {one.listen.rpartition(":")[2]: one.upstream for one in proxies}
    for upstream in (upstreams.kv, upstreams.fibonacci):
        assert [behind[address.removeprefix("proxy:")] for address in upstream.replicas] == list(upstream.probes)
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = scraped["scrape_configs"]
    targets = [address for job in jobs for group in job.get("static_configs", []) for address in group["targets"]]
    targets += [name for job in jobs for search in job.get("dns_sd_configs", []) for name in search["names"]]
    assert {address.partition(":")[0] for address in [*targets, *behind.values()]} <= set(SERVICES)


def test_the_versions_that_the_dockerfile_repeats_are_ours() -> None:
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "# syntax" not in recipe, "a front end would be pulled"
    version = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None and f"ARG UV_VERSION={version[1]}\n" in recipe
    for name in ("PYTHON_IMAGE", "BUILD_IMAGE"):
        image = re.search(rf"^ARG {name}=(.+)$", recipe, re.MULTILINE)
        assert image is not None and f"{name}:-{image[1]}}}" in FILE.read_text(encoding="utf-8")


@pytest.mark.real
def test_docker_compose_takes_each_profile_alone_and_all_together() -> None:
    env = os.environ | docker_config()
    for chosen in [*PROFILES, ",".join(PROFILES)]:
        done = subprocess.run(
            ["docker", "compose", "--project-directory", str(ROOT), "config", "--quiet"],
            env={**env, "COMPOSE_PROFILES": chosen},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), chosen


class _Unwell(BaseHTTPRequestHandler):
    """Answers with the status that the path says."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.removeprefix("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_health_check_knows_well_from_unwell(free_port: int) -> None:
    def healthy(*arguments: object) -> int:
        command = [str(ROOT / "deploy" / "docker" / "healthy"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert healthy(free_port, "/200") != 0, "nobody listens"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Unwell) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        assert [healthy(port, f"/{status}") == 0 for status in (200, 429, 404, 503)] == [True, True, False, False]
        assert healthy(port, "connected") != 0
        with socket.create_connection(("127.0.0.1", port)):
            assert healthy(port, "connected") == 0
        server.shutdown()
