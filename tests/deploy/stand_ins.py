"""Stand-in images for an engine without a registry, made of the programs they stand in for where there are some."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.conftest import find_program, skip_without
from tests.deploy.engine import ROOTFS, Engine

RECIPES = Path(__file__).parent / "images"
#: The variables of docker-compose.yml that name images of others.
NAMES = {
    "BUILD_IMAGE": "stand-in/python:1",
    "GRAFANA_IMAGE": "stand-in/grafana:1",
    "JAEGER_IMAGE": "stand-in/jaeger:1",
    "POSTGRES_IMAGE": "stand-in/postgres:1",
    "PROMETHEUS_IMAGE": "stand-in/prometheus:1",
    "PYTHON_IMAGE": "stand-in/python:1",
    "TOXIPROXY_IMAGE": "stand-in/toxiproxy:1",
}
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Programs by their names in the recipes.
_PROGRAMS = {
    "jaeger": "jaeger",
    "prometheus": "prometheus",
    "toxiproxy": "toxiproxy-server",
    "toxiproxy-cli": "toxiproxy-cli",
}


def build(engine: Engine, folder: Path) -> None:
    """Imports the root file system and builds the images of ``NAMES`` from what is collected in ``folder``."""
    if not ROOTFS.exists():
        skip_without(str(ROOTFS), remedy="run `make real-parts` as root on Debian")
    shutil.copytree(RECIPES, folder, dirs_exist_ok=True)
    shutil.copy(_CERTIFICATES, folder)
    for name, program in _PROGRAMS.items():
        found = find_program(program)
        if found is None:
            skip_without(program, remedy="run `make real-parts`")
        shutil.copy(found, folder / name)
    _collect_postgres(folder / "postgres.files")
    engine.run("docker", "import", str(ROOTFS), "stand-in/rootfs:1")
    engine.run("docker", "compose", "--file", str(folder / "compose.yml"), "build", STAND_INS=str(folder))


def _collect_postgres(target: Path) -> None:
    """The server, the programs around it and the libraries that they need, as they lie on this machine."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not homes:
        skip_without("PostgreSQL", remedy="run `make real-parts`")
    home = homes[-1].parent.parent
    binaries = [home / "bin" / name for name in ("initdb", "pg_ctl", "pg_isready", "postgres", "psql")]
    folders = [home / "lib", Path("/usr/share/postgresql") / home.name]
    for path in [*binaries, *_libraries(binaries)]:
        _copy(path, target)
    for path in folders:
        shutil.copytree(path, target / path.relative_to("/"), ignore=shutil.ignore_patterns("bitcode", "llvmjit*"))


def _libraries(binaries: list[Path]) -> set[Path]:
    words = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=True).stdout.split()
    return {Path(word) for word in words if word.startswith("/") and not word.endswith(":") and "ld-linux" not in word}


def _copy(path: Path, target: Path) -> None:
    """To the same place below ``target``; `/lib` and `/usr/lib` are one folder on today's systems."""
    place = target / path.parent.resolve().relative_to("/") / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
