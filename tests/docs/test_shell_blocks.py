"""Every command that the documentation shows is run.

The blocks of a page are one script of the shell, in one folder that holds the files the page tells the reader to save
and links to what a checkout holds. Programs that go on until they are interrupted stay up until the page is over. Long
work is made short, and only there: `SHORTER` says how. What must not run here is named with what runs it instead.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "case_studies").glob("*/README.md")),
]
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"[Ss]ave\s+(?:it|this)\s+as\s+`([\w.-]+)`")
FENCED = re.compile(r"^```(?:toml|python)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)

SHORTER = [
    (r"--seeds \d+", "--seeds 6"),
    (r"(=[\d.]+:[\d.]+):\d+", r"\1:2"),
    (r"(--load [\d.]+:[\d.]+):\d+", r"\1:3"),
    (
        r"(--both|--live)(.*?)(?: --set (?:run|faults)\.\S+)*$",
        r"\1\2 --set run.duration=10 --set faults.0.at=4 --set faults.0.for=2",
    ),
    (r"-t 30s", "-t 5s"),
    (r"--shape spike", "--shape spike -t 8s"),
]
#: Programs that go on until they are interrupted, and what they print when they are ready.
SERVERS = {
    "stormlab up": "ready after",
    "stormlab proxy": "listening",
    "stormlab services": "listening",
    "stormlab load --page": "web interface",
}
#: Programs of the reader's own, and the ports at which they have to listen before the next command.
OWN = {"python shop.py": 9000}
#: Commands by how they start, and what runs them instead.
ELSEWHERE = {
    "make ": "the target has to exist; CI runs the targets of `make check`",
    "jupyter ": "tests/notebooks drives JupyterLab",
    "git ": "needs a network",
    "locust ": "names other machines; tests/loadtests runs masters and workers",
    "stormlab lesson collect": "tests/lessons, with answers",
}
#: The same for single pages.
ELSEWHERE_ON = {
    "README.md": {"stormlab new": "the tutorial that it links", "stormlab run shop.toml": "the tutorial that it links"},
    "docs/cli.md": {"stormlab load ": "the page on load testing, with a service to load"},
}
#: Pages that are about what a whole other test starts.
PAGES_ELSEWHERE = {"docs/docker.md": "the test of the compose file follows it"}
#: A run whose expectations do not hold ends with 1, which is the point of some examples; 3 is a live run that a busy
#: machine voids.
FINE = (0, 1, 3)

PRELUDE = """
ready() { for _ in $(seq 1200); do grep -qi "$2" "$1" && return; sleep 0.1; done; cat "$1" >&2; exit 98; }
listens() { for _ in $(seq 1200); do (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null && return; sleep 0.1; done; exit 97; }
fine() { local status=$?; case " FINE " in *" $status "*) ;; *) echo "status $status: $1" >&2; exit 99 ;; esac; }
""".replace("FINE", " ".join(map(str, FINE)))


def commands(text: str) -> Iterator[str]:
    """The commands of a page in order; lines that end with a backslash go on."""
    for kind, block in BLOCK.findall(text):
        joined = block.replace("\\\n", " ")
        lines = (
            joined.splitlines() if kind == "sh" else [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
        )
        yield from (
            line for line in (re.sub(r"\s+# .*$", "", line).strip() for line in lines) if line and line[0] != "#"
        )


def saved(text: str) -> dict[str, str]:
    """The files that the page tells the reader to save: the block right after "Save it as `x`", else the one before."""
    found = {}
    for match in SAVED.finditer(text):
        after = re.match(r"[^`]{0,80}?\n\n" + FENCED.pattern.lstrip("^"), text[match.end() :], re.DOTALL | re.MULTILINE)
        found[match[1]] = after[1] if after else FENCED.findall(text[: match.start()])[-1]
    return found


def shortened(command: str) -> str:
    for pattern, replacement in SHORTER:
        command = re.sub(pattern, replacement, command)
    return command


WITH_COMMANDS = [
    page
    for page in PAGES
    if str(page.relative_to(ROOT)) not in PAGES_ELSEWHERE and list(commands(page.read_text(encoding="utf-8")))
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("notebooks", "loadtests", "services", "case_studies", "Makefile", "docker-compose.yml"):
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def line(number: int, command: str) -> str:
    """One command as a line of the script; each server has a log of its own, so that no other's words are read."""
    start = next((start for start in SERVERS if command.startswith(start)), None)
    if start is not None and "--help" not in command:
        log = f"server-{number}.log"
        return f": >{log}; {command} >{log} 2>&1 &\nready {log} {shlex.quote(SERVERS[start])}"
    if command.endswith("&"):
        port = next((port for program, port in OWN.items() if program in command), None)
        return command if port is None else f"{command}\nlistens {port}"
    return f"{shortened(command)}; fine {shlex.quote(command)}"


def script(page: Path) -> str:
    """Everything that the page says to type, and the end of what is running then."""
    left_out = [*ELSEWHERE, *ELSEWHERE_ON.get(str(page.relative_to(ROOT)), {})]
    typed = [one for one in commands(page.read_text(encoding="utf-8")) if not one.startswith(tuple(left_out))]
    return "\n".join([PRELUDE, *itertools.starmap(line, enumerate(typed)), "kill $(jobs -p) 2>/dev/null; wait; exit 0"])


@pytest.mark.live
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_the_page_run(page: Path, folder: Path) -> None:
    for name, content in saved(page.read_text(encoding="utf-8")).items():
        (folder / name).write_text(content, encoding="utf-8")
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "100"}
    with (folder / "output.log").open("w+", encoding="utf-8") as log:
        shell = subprocess.Popen(
            ["bash", "-c", script(page)], cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            status = shell.wait(500)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
        log.seek(0)
        assert status == 0, log.read()[-4000:]


def test_the_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    typed = [one for page in PAGES for one in commands(page.read_text(encoding="utf-8")) if one.startswith("make ")]
    assert typed
    assert [one for one in typed if not re.search(rf"^{shlex.split(one)[1]}:", makefile, re.MULTILINE)] == []
