"""``stormlab doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import click

#: Versions that the project is tested with, first and last.
PYTHONS = ((3, 11), (3, 13))

#: What the extras are for; what has no extra is for everything.
PURPOSES = {
    "": "simulations and reports",
    "chaos": "the chaos proxy",
    "services": "the services",
    "telemetry": "traces",
    "live": "live runs",
    "theory": "the Markov chain among the closed forms",
    "fast": "compiled kernels",
}

#: Programs of others that are used when they are there, with what for and where from.
PROGRAMS = {
    "toxiproxy-server": ("the real chaos proxy", "run `make real-parts`, or see github.com/Shopify/toxiproxy"),
    "prometheus": ("metrics", "see prometheus.io/download"),
    "grafana": ("dashboards", "see grafana.com/grafana/download"),
    "jaeger": ("traces", "see jaegertracing.io/download"),
    "docker": ("the stack in containers", "see docs.docker.com/engine/install"),
    "go": ("building the real Toxiproxy", "see go.dev/dl"),
}

#: Where single parts listen unless told otherwise. Live runs take any ports that are free.
PORTS = {8474: "stormlab proxy", 8080: "stormlab services kv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; ``remedy`` is for when it is not ``ok``. Without an essential one, nothing runs."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    essential: bool = False


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding and line.")
def doctor(*, as_json: bool) -> None:
    """What is installed, what is missing and how to get it; exit status 0 when simulations can run."""
    found = list(findings())
    for finding in found:
        click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else _line(finding))
    if any(finding.essential and not finding.ok for finding in found):
        click.get_current_context().exit(1)


def findings() -> Iterator[Finding]:
    """Everything that is looked at, essentials first."""
    yield _python()
    yield Finding(name="stormlab", ok=True, found=f"{metadata.version('stormlab')} in {Path(__file__).parents[1]}")
    yield from (_libraries(extra, needed) for extra, needed in requirements().items())
    yield _checkout()
    yield from (_program(name, purpose, remedy) for name, (purpose, remedy) in PROGRAMS.items())
    yield from (_port(port, user) for port, user in PORTS.items())


def _python() -> Finding:
    first, last = (".".join(map(str, version)) for version in PYTHONS)
    return Finding(
        name="python",
        ok=PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1],
        found=f"{platform.python_version()} at {sys.executable}",
        remedy=f"use Python {first} to {last}",
        essential=True,
    )


def requirements() -> dict[str, list[str]]:
    """The distributions that stormlab asks for, by extra; those it always needs under the empty name."""
    found: dict[str, list[str]] = {}
    for line in metadata.requires("stormlab") or ():
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra == ['\"]([\w-]+)", marker)
        name = re.match(r"[\w.-]+", requirement)
        if name and name[0] != "stormlab" and not ("sys_platform" in marker and sys.platform == "win32"):
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def _libraries(extra: str, needed: list[str]) -> Finding:
    missing = [name for name in needed if not _installed(name)]
    wanted = f"stormlab[{extra}]" if extra else "stormlab"
    purpose = PURPOSES.get(extra, "")
    return Finding(
        name=f"extra {extra}" if extra else "libraries",
        ok=not missing,
        found=": ".join(filter(None, [purpose, f"without {', '.join(missing)}" if missing else ""])) or "installed",
        remedy=f"`uv sync --all-extras` in the checkout, or `pip install '{wanted}'`",
        essential=not extra,
    )


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _checkout() -> Finding:
    from stormlab.errors import BadInput
    from stormlab.live.checkout import root

    remedy = "clone the repository and run inside it: services and load tests are not in the installed package"
    try:
        return Finding(name="checkout", ok=True, found=str(root()), remedy=remedy)
    except BadInput:
        return Finding(name="checkout", ok=False, found="live runs and services: not here", remedy=remedy)


def _program(name: str, purpose: str, remedy: str) -> Finding:
    path = find_program(name)
    return Finding(name=name, ok=path is not None, found=str(path) if path else f"not found ({purpose})", remedy=remedy)


def find_program(name: str) -> Path | None:
    """A program on PATH, or in ``.tools/bin`` of the checkout, where ``make real-parts`` puts it."""
    tools = Path(__file__).resolve().parents[3] / ".tools" / "bin"
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), str(tools)]))
    return Path(found) if found else None


def _port(port: int, user: str) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            free = True
        except OSError:
            free = False
    return Finding(
        name=f"port {port}",
        ok=free,
        found=f"free, for {user}" if free else "taken",
        remedy=f"end what listens there, or give `{user}` another --port",
    )


def _line(finding: Finding) -> str:
    if finding.ok:
        mark = click.style("ok     ", fg="green")
    elif finding.essential:
        mark = click.style("missing", fg="red", bold=True)
    else:
        mark = click.style("without", fg="yellow")
    remedy = "" if finding.ok else f"; {finding.remedy}"
    return f"{mark}  {finding.name:<17} {finding.found}{remedy}"
