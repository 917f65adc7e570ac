"""The compose file as text: pinned, confined, bounded, healthy, on loopback; and that Docker's own reader takes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gateway.settings import read_upstreams
from stormlab.chaos.client import ProxySpec
from stormlab.console.compose import PROFILES
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
    assert image == "stormlab" or re.search(r"\d+\.\d+", tag), "a version, no moving tag"


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
    targets = [
        address for job in scraped["scrape_configs"] for group in job["static_configs"] for address in group["targets"]
    ]
    assert {address.partition(":")[0] for address in [*targets, *behind.values()]} <= set(SERVICES)


def test_the_versions_that_the_dockerfile_repeats_are_ours() -> None:
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "# syntax" not in recipe, "a front end would be pulled"
    version = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None and f"ARG UV_VERSION={version[1]}\n" in recipe
    image = re.search(r"^ARG PYTHON_IMAGE=(.+)$", recipe, re.MULTILINE)
    assert image is not None and f"PYTHON_IMAGE:-{image[1]}}}" in FILE.read_text(encoding="utf-8")


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


def test_the_healthy_script_knows_well_from_unwell(free_port: int, tmp_path: Path) -> None:
    script = ROOT / "deploy" / "docker" / "healthy"
    done = subprocess.run([script, str(free_port), "/readyz"], capture_output=True, check=False)
    assert done.returncode != 0, "nobody listens"
