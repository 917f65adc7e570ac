"""`stormlab up --docker` with a docker that only says what it was told to: what is asked of it, and the messages."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stormlab.cli import cli

#: Answers by the words that a command line contains, the first that fits; all command lines are written down.
_DOCKER = """\
#!/bin/sh
echo "$@" >>{folder}/asked
while read -r words; do
    read -r status && read -r said
    case "$*" in *$words*) printf '%s\\n' "$said"; printf '%s\\n' "$said" >&2; exit "$status" ;; esac
done <{folder}/answers
"""
RUNNING = {"Service": "gateway", "Name": "stormlab-gateway-1", "State": "running", "Health": "healthy", "ExitCode": 0}
Docker = Callable[..., None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    """Puts on PATH a docker that answers ``words=(status, text)``."""
    program = tmp_path / "docker"
    program.write_text(_DOCKER.format(folder=tmp_path), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("STORMLAB_STATE", str(tmp_path / "stack.json"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)

    def answer(answers: dict[str, tuple[int, str]]) -> None:
        lines = [line for words, (status, said) in answers.items() for line in (words, str(status), said)]
        (tmp_path / "answers").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    answer({})
    yield answer


def asked(folder: Path) -> list[str]:
    """What docker was told to do, without what it was only asked."""
    lines = (folder / "asked").read_text(encoding="utf-8").splitlines()
    compose = [line.partition("docker-compose.yml ")[2] for line in lines if "docker-compose.yml" in line]
    return [line for line in compose if not any(word in line for word in (" ps ", "config "))]


def config(port: int) -> str:
    return json.dumps({"name": "stormlab", "services": {"gateway": {"ports": [{"published": str(port)}]}, "kv-0": {}}})


def stormlab(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def refused(*words: str) -> None:
    done = stormlab("up", "--docker")
    assert done.exit_code == 2
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.output


def test_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused("docker is not on PATH", "`stormlab up`")


def test_without_the_plug_in(docker: Docker) -> None:
    docker({"compose version": (1, "docker: 'compose' is not a docker command.")})
    refused("no compose plug-in", "docker-compose-plugin")


def test_without_an_engine(docker: Docker) -> None:
    docker({"version --format": (1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")})
    refused("no Docker engine answers", "systemctl start docker")


def test_with_an_engine_of_others(docker: Docker) -> None:
    docker({"version --format": (1, "permission denied while trying to connect to the Docker daemon socket")})
    refused("usermod -aG docker")


def test_a_taken_port_is_named_before_anything_is_started(docker: Docker, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        docker({"compose version": (0, ""), "config --format": (0, config(port))})
        refused(f"port {port}", "STORMLAB_GATEWAY_PORT")
    assert asked(tmp_path) == []


def test_up_builds_starts_and_waits_for_the_chosen_profiles(docker: Docker, tmp_path: Path, free_port: int) -> None:
    docker({"compose version": (0, ""), "config --format": (0, config(free_port))})
    assert stormlab("up", "--docker", "--profile", "core", "--profile", "observe").exit_code == 0
    build, start = asked(tmp_path)
    assert build == "--profile core --profile observe build"
    assert start.startswith("--profile core --profile observe up --detach --wait")


def test_a_failed_start_shows_who_is_to_blame_and_leaves_nothing(
    docker: Docker, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blamed = json.dumps({**RUNNING, "Service": "postgres", "Health": "unhealthy"})
    docker({"compose version": (0, ""), "config --format": (0, config(free_port)), "--wait": (1, "")})
    monkeypatch.setattr("stormlab.console.compose._last_words", lambda container: [f"{container}: disk is full"])
    program = (tmp_path / "docker").read_text(encoding="utf-8")
    told = f"grep -q -- --wait {tmp_path}/asked && case \"$*\" in *ps*) echo '{blamed}'; exit ;; esac\n"
    (tmp_path / "docker").write_text(program.replace("while read", told + "while read", 1), encoding="utf-8")
    done = stormlab("up", "--docker")
    assert done.exit_code == 70
    assert "postgres is unhealthy" in done.stdout and "disk is full" in done.stdout
    assert asked(tmp_path)[-1] == "--profile * down --remove-orphans"


def test_a_second_up_leaves_what_runs_alone_when_it_fails(docker: Docker, tmp_path: Path) -> None:
    docker({"compose version": (0, ""), "ps --all": (0, json.dumps(RUNNING)), "--wait": (1, "")})
    assert stormlab("up", "--docker").exit_code == 70
    assert not any("down" in line for line in asked(tmp_path))


@pytest.mark.parametrize(("arguments", "last"), [([], "--remove-orphans"), (["--volumes"], "--volumes")])
def test_down_removes_the_containers(docker: Docker, tmp_path: Path, arguments: list[str], last: str) -> None:
    docker({"compose version": (0, ""), "ps --all": (0, json.dumps(RUNNING))})
    assert "the stack is down" in stormlab("down", *arguments).stdout
    assert asked(tmp_path)[-1].startswith("--profile * down") and asked(tmp_path)[-1].endswith(last)


def test_down_of_nothing_says_so(docker: Docker) -> None:
    docker({"compose version": (0, "")})
    assert "no stack is up" in stormlab("down").stdout


def test_what_is_for_processes_is_refused_with_docker_and_the_other_way_round(docker: Docker) -> None:
    assert "not for --docker" in stormlab("up", "--docker", "--base-port", "20000").stderr
    assert "--profile is for --docker" in stormlab("up", "--profile", "core").stderr
