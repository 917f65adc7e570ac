"""``stormlab doctor``: what is installed, what is missing and how to get it, and the numbers of a running stack."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import click

from stormlab.console.checkup import Finding
from stormlab.console.site import State
from stormlab.errors import how_to_install
from stormlab.live.ports import answers
from stormlab.live.programs import PROGRAMS, find

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
    "notebooks": "the lessons, in JupyterLab",
    "dask": "sweeps on a Dask cluster",
}

#: How to ask programs for their version; the others know --version.
_VERSION_ARGUMENT = {"toxiproxy-server": "-version", "jaeger": "version", "go": "version"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding and line.")
def doctor(*, as_json: bool) -> None:
    """What is installed, what is missing and how to get it; while a stack is up also the numbers that it has to show.

    Exit status 1 when simulations cannot run, or when a number of the stack is off.
    """
    from stormlab.console import site

    stack = site.running()
    found = list(findings(stack))
    numbers = [] if stack is None else _numbers(stack)
    for finding, lacking in (*((one, "without") for one in found), *((one, "off") for one in numbers)):
        click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else _line(finding, lacking=lacking))
    if any(one.essential and not one.ok for one in found) or not all(one.ok for one in numbers):
        click.get_current_context().exit(1)


def _numbers(stack: State) -> list[Finding]:
    from stormlab.console.checkup import checkup
    from stormlab.console.looking import look

    return checkup(look(stack))


def findings(stack: State | None = None) -> Iterator[Finding]:
    """Everything that is looked at on this machine, essentials first; ``stack`` is the one that is up."""
    yield _python()
    yield Finding(name="stormlab", ok=True, found=f"{metadata.version('stormlab')} in {Path(__file__).parents[1]}")
    yield from (_libraries(extra, needed) for extra, needed in requirements().items())
    yield _checkout()
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_program, PROGRAMS)
    yield _ports() if stack is None else Finding(name="stack", ok=True, found=f"up at {stack.url}")


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
    purpose = PURPOSES.get(extra, "")
    return Finding(
        name=f"extra {extra}" if extra else "libraries",
        ok=not missing,
        found=": ".join(filter(None, [purpose, f"without {', '.join(missing)}" if missing else ""])) or "installed",
        remedy=how_to_install(extra),
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


def _program(name: str) -> Finding:
    purpose, remedy = PROGRAMS[name]
    path = find(name)
    found = f"not found ({purpose})" if path is None else f"{_version(name, path)} at {path}"
    return Finding(name=name, ok=path is not None, found=found, remedy=remedy)


def _version(name: str, path: Path) -> str:
    """What the program says of its version; builds that do not know theirs say nothing."""
    command = [str(path), _VERSION_ARGUMENT.get(name, "--version")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no version ({type(error).__name__})"
    number = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return number[0] if number else "no version"


def _ports() -> Finding:
    from stormlab.console.site import Ports

    taken = [str(port) for port in Ports().all() if answers(port)]
    return Finding(
        name="ports",
        ok=not taken,
        found=f"taken: {', '.join(taken)}" if taken else "those of `stormlab up` are free",
        remedy="end what listens there, or `stormlab up --base-port N`",
    )


def _line(finding: Finding, *, lacking: str = "without") -> str:
    if finding.ok:
        mark = click.style("ok     ", fg="green")
    elif finding.essential:
        mark = click.style("missing", fg="red", bold=True)
    else:
        mark = click.style(f"{lacking:<7}", fg="yellow")
    remedy = "" if finding.ok else f"; {finding.remedy}"
    return f"{mark}  {finding.name:<17} {finding.found}{remedy}"
