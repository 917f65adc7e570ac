"""``stormlab up --docker``: the stack in containers, by Docker's own `compose` and the file of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormlab.errors import BadInput, StormlabError
from stormlab.live import checkout, ports

#: What can be started, and what is started when nothing is named.
PROFILES = ("core", "observe", "load", "notebooks")
USUAL = ("core", "observe")
#: How long all containers together may take to become healthy, in s; images are there by then.
PATIENCE = 300
_EVERYTHING = ("--profile", "*")
_OTHER_PORTS = (
    "end what listens there, or choose other ports with STORMLAB_GATEWAY_PORT and its like (docs/docker.md has a list)"
)
#: Lines of the log of a container that is to blame.
_LAST_LINES = 15

Say = Callable[[str], object]


def up(profiles: Sequence[str], say: Say) -> None:
    """Build and pull what is missing, start the containers and wait until all are healthy.

    Raises:
        BadInput: there is no engine to start them on, or a port is taken; nothing was started then.
        StormlabError: a container did not become healthy; all are removed then, unless some were there before.
    """
    compose = Compose.found()
    chosen = [word for profile in profiles or USUAL for word in ("--profile", profile)]
    before = compose.containers()
    if not before:
        ports.refuse_taken(compose.published(chosen), remedy=_OTHER_PORTS)
    try:
        compose.run([*chosen, "build"])
        compose.run([*chosen, "up", "--detach", "--wait", "--wait-timeout", str(PATIENCE)])
    except (StormlabError, KeyboardInterrupt):
        for line in compose.complaints():
            say(line)
        if not before:
            compose.run([*_EVERYTHING, "down", "--remove-orphans"])
        raise
    for name, port in compose.doors():
        say(f"{name:<10} http://{ports.HOST}:{port}")


def down(*, volumes: bool = False) -> bool:
    """Remove the containers, and their data with ``volumes``; whether there were any."""
    try:
        compose = Compose.found()
    except BadInput:
        return False
    there = bool(compose.containers()) or (volumes and compose.has_volumes())
    if there:
        compose.run([*_EVERYTHING, "down", "--remove-orphans", *(["--volumes"] if volumes else [])])
    return there


@dataclass(frozen=True, slots=True)
class Compose:
    """`docker compose` on the file of the checkout."""

    root: Path

    @classmethod
    def found(cls) -> Compose:
        """Raises BadInput, with what to install or to start, when it cannot work on this machine."""
        if shutil.which("docker") is None:
            raise BadInput(
                "docker is not on PATH: install it (docs.docker.com/engine/install), or start the stack without it: "
                "`stormlab up`"
            )
        if _asked(["docker", "compose", "version"]).returncode:
            raise BadInput(
                "docker has no compose plug-in: install docker-compose-plugin, or docker-compose on Debian 13 "
                "(docs.docker.com/compose/install)"
            )
        engine = _asked(["docker", "version", "--format", "{{.Server.Version}}"])
        if engine.returncode:
            raise BadInput(_no_engine(engine.stderr))
        return cls(checkout.root())

    def run(self, words: Sequence[str]) -> None:
        """Run a command whose output the user sees.

        Raises:
            StormlabError: it failed; what it said is on the terminal.
        """
        status = subprocess.run(self._command(words), stdin=subprocess.DEVNULL, check=False).returncode
        if status:
            raise StormlabError(f"`docker compose {' '.join(words)}` ended with status {status}")

    def containers(self) -> list[dict[str, Any]]:
        """The containers of this project, ended ones too, as `docker compose ps` describes them."""
        lines = self._told([*_EVERYTHING, "ps", "--all", "--format", "json"]).splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
        return [one for item in found for one in (item if isinstance(item, list) else [item])]

    def published(self, chosen: Sequence[str]) -> list[int]:
        """The ports of this machine that containers would take."""
        config = json.loads(self._told([*chosen, "config", "--format", "json"]))
        return [int(port["published"]) for one in config["services"].values() for port in one.get("ports", [])]

    def doors(self) -> list[tuple[str, int]]:
        """The services that can be reached from this machine, with their ports."""
        return sorted(
            (one["Service"], int(door["PublishedPort"]))
            for one in self.containers()
            for door in one.get("Publishers") or []
            if door["PublishedPort"]
        )

    def has_volumes(self) -> bool:
        name = json.loads(self._told(["config", "--format", "json"]))["name"]
        label = f"label=com.docker.compose.project={name}"
        return bool(_asked(["docker", "volume", "ls", "--quiet", "--filter", label]).stdout.strip())

    def complaints(self) -> list[str]:
        """The last words of the containers that are not as they should be."""
        lines: list[str] = []
        for one in self.containers():
            if one.get("Health") == "unhealthy" or (one["State"] == "exited" and one.get("ExitCode")):
                lines += [f"{one['Service']} is {one.get('Health') or one['State']}:"]
                lines += [f"  {line}" for line in _last_words(one["Name"])]
        return lines

    def _told(self, words: Sequence[str]) -> str:
        answer = _asked(self._command(words))
        if answer.returncode:
            raise StormlabError(f"`docker compose {' '.join(words)}` failed: {answer.stderr.strip()}")
        return answer.stdout

    def _command(self, words: Sequence[str]) -> list[str]:
        file = str(self.root / "docker-compose.yml")
        return ["docker", "compose", "--project-directory", str(self.root), "--file", file, *words]


def _asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _last_words(container: str) -> list[str]:
    """The end of its log, and what its last health check said."""
    log = _asked(["docker", "logs", "--tail", str(_LAST_LINES), container])
    state = _asked(["docker", "inspect", "--format", "{{json .State}}", container]).stdout
    checks = (json.loads(state).get("Health") or {}).get("Log") or []
    said = [one["Output"].strip() for one in checks[-1:]]
    return [*(log.stdout + log.stderr).splitlines(), *(f"health check: {words}" for words in said)]


def _no_engine(said: str) -> str:
    where = os.environ.get("DOCKER_HOST", "")
    if "permission denied" in said:
        return (
            "docker may not talk to its engine: join the group docker (`sudo usermod -aG docker $USER`), log in again"
        )
    return (
        f"no Docker engine answers{f' at DOCKER_HOST={where}' if where else ''}: start Docker Desktop, or "
        "`sudo systemctl start docker`"
    )
