"""A Docker engine of our own for one test: in a folder, without a registry, and gone with the test whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormlab.errors import StormlabError
from stormlab.live.children import Child
from tests.conftest import ROOT, find_program, skip_without

#: Where `make real-parts` puts the plug-ins of docker, and the root file system of the stand-ins.
DOCKER_FOLDER = ROOT / ".tools" / "docker"
ROOTFS = DOCKER_FOLDER / "rootfs.tar"
_REMEDY = "run `make real-parts` as root on Debian"


@dataclass(frozen=True, slots=True)
class Engine:
    """Answers at a socket of its own."""

    env: Mapping[str, str]

    def run(self, *command: str, **more: str) -> str:
        """What ``command`` prints; AssertionError with all that it said when it fails."""
        env = {**os.environ, **self.env, **more}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def names(self, what: str) -> set[str]:
        """The names of all ``container``, ``volume`` or ``network``."""
        words = {"container": ["--all", "--format", "{{.Names}}"]}.get(what, ["--format", "{{.Name}}"])
        return set(self.run("docker", what, "ls", *words).split())


def docker_config() -> dict[str, str]:
    """The environment in which `docker compose` works; the test is skipped where there is none."""
    if shutil.which("docker") is None:
        skip_without("docker", remedy=_REMEDY)
    choices: list[dict[str, str]] = [{}, {"DOCKER_CONFIG": str(DOCKER_FOLDER)}]
    for env in choices:
        words = ["docker", "compose", "version"]
        if not subprocess.run(words, env=os.environ | env, capture_output=True, check=False).returncode:
            return env
    return skip_without("the plug-in compose of docker", remedy=_REMEDY)


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """An engine with a name space of processes and one of mounts, which the kernel clears when its first process ends.

    Its images and containers are in memory (about 3 GB), which saves the minute that removing their files takes. It
    touches no firewall rule and makes no bridge of its own; published ports go through a process of Docker's.
    """
    env = docker_config()
    if find_program("dockerd") is None or os.getuid() != 0:
        skip_without("dockerd, as root", remedy=_REMEDY)
    with tempfile.TemporaryDirectory(prefix="stormlab-docker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        socket = f"unix://{folder}/socket"
        child = Child("dockerd", _command(folder, socket), log=folder / "log", cwd=folder, env={})
        engine = Engine({**env, "DOCKER_HOST": socket})
        try:
            try:
                child.wait_until(lambda: _answers(engine), seconds=30)
            except StormlabError as error:
                skip_without(f"a Docker engine that runs here ({error})", remedy="see docs/docker.md")
            try:
                yield engine
            finally:
                _remove_bridges(engine)
        finally:
            _stop(child)


def _command(folder: Path, socket: str) -> Sequence[str]:
    return [
        *("unshare", "--pid", "--mount", "--fork", "--kill-child=SIGKILL", "--mount-proc"),
        *("sh", "-c", f'mkdir {folder}/data && mount -t tmpfs -o size=6g tmpfs {folder}/data && exec "$@"', "sh"),
        *("dockerd", "--host", socket, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
        *("--pidfile", f"{folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"),
    ]


def _answers(engine: Engine) -> bool:
    words = ["docker", "version", "--format", "{{.Server.Version}}"]
    return not subprocess.run(words, env=os.environ | dict(engine.env), capture_output=True, check=False).returncode


def _remove_bridges(engine: Engine) -> None:
    """They are devices of this machine, which nothing else takes away, so after a failed test neither."""
    containers = engine.run("docker", "ps", "--all", "--quiet").split()
    if containers:
        engine.run("docker", "rm", "--force", *containers)
    engine.run("docker", "network", "prune", "--force")


def _stop(child: Child) -> None:
    """Lets the engine end by itself first, so that it takes its containers along; then its name space is cleared."""
    if child.status is None:
        for first in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(first), signal.SIGTERM)
        with contextlib.suppress(StormlabError):
            child.wait_until(lambda: False, seconds=10)
    child.stop()
