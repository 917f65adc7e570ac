"""Every command that the documentation shows is run.

The blocks of a page run in order in one folder, which holds the files that the page tells the reader to save, and links
to what a checkout holds. Long work is made short, and only there: `SHORTER` says how. What must not run here is named
in `ELSEWHERE` with the test or target that runs it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
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
    (r"--seeds \d+", "--seeds 2"),
    (r"(=[\d.]+:[\d.]+):\d+", r"\1:2"),
    (
        r"(--both|--live)(.*?)(?: --set (?:run|faults)\.\S+)*$",
        r"\1\2 --set run.duration=16 --set faults.0.at=5 --set faults.0.for=3",
    ),
]
#: Programs that go on until they are interrupted, and what they print when they are ready.
SERVERS = {"stormlab up": "ready after", "stormlab proxy": "listening", "stormlab services": "listening"}
#: Commands by how they start, and what runs them instead.
ELSEWHERE = {
    "make ": "the target has to exist; CI runs the targets of `make check`",
    "jupyter ": "tests/notebooks drives JupyterLab",
    "git ": "needs a network",
    "stormlab lesson collect": "tests/lessons, with answers",
}
#: Pages that are about what a whole other test starts.
PAGES_ELSEWHERE = {"docs/docker.md": "the test of the compose file follows it"}
#: A run whose expectations do not hold ends with 1, which is the point of some examples; 3 is a void run.
FINE = (0, 1)


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
    """The files that the page tells the reader to save: "Save it as `slow.toml`", about the block before that."""
    return {match[1]: FENCED.findall(text[: match.start()])[-1] for match in SAVED.finditer(text)}


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


@pytest.mark.live
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_the_page_run(page: Path, folder: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, content in saved(text).items():
        (folder / name).write_text(content, encoding="utf-8")
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "100"}
    background: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands(text):
            if command.endswith("&"):
                background.append(subprocess.Popen(shlex.split(command[:-1]), cwd=folder, env=env))
            elif not any(command.startswith(start) for start in ELSEWHERE):
                _run(shortened(command), folder, env)
            elif command.startswith("make "):
                target = shlex.split(command)[1]
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), command
    finally:
        for process in background:
            process.terminate()
            process.wait()


def _run(command: str, folder: Path, env: dict[str, str]) -> None:
    ready = next((line for start, line in SERVERS.items() if command.startswith(start)), None)
    if ready is not None and "--help" not in command:
        return _serve(command, ready, folder, env)
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode in FINE, f"{command}\n{done.stdout}\n{done.stderr}"
    return None


def _serve(command: str, ready: str, folder: Path, env: dict[str, str]) -> None:
    """Start it, wait until it says that it is ready, and interrupt it."""
    log = folder / "server.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(shlex.split(command), cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            limit = time.monotonic() + 60
            while ready not in log.read_text(encoding="utf-8").lower():
                assert process.poll() is None and time.monotonic() < limit, f"{command}\n{log.read_text()}"
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (0, 130, -signal.SIGINT), command
