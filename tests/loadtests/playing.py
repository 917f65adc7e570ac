"""Load tests as a user starts them: Locust's own command, with a server to load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
LOCUST = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary"]
STORMLAB = [sys.executable, "-m", "stormlab", "load"]


#: What is not void on a busy machine; a test that is about being late says so itself.
LATE = "5"


class Loaded:
    """The server of `server.py` as a child process."""

    def __init__(self, **settings: float) -> None:
        words = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "server.py"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def seen(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/seen") as answer:
            found: dict[str, int] = json.load(answer)
            return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Played:
    """A headless load test that is under way; its results are in ``folder``."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.output = (folder / "output").open("w+")
        command = STORMLAB if "--workers" in words else LOCUST
        self.process = subprocess.Popen(
            [*command, "--out", str(folder), "--rows", "yes", "--late", LATE, *words],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def status(self, seconds: float = 120.0) -> int:
        """Waits for its end."""
        return self.process.wait(timeout=seconds)

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "load.json").read_text())
        return found

    def rows(self) -> dict[str, np.ndarray[Any, Any]]:
        with np.load(self.folder / "requests.npz") as kept:
            return dict(kept)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.output.close()


@contextmanager
def playing() -> Iterator[tuple[Any, Any]]:
    """Starts servers and load tests that end with the block."""
    started: list[Loaded | Played] = []

    def serve(**settings: float) -> Loaded:
        started.append(Loaded(**settings))
        return started[-1]  # type: ignore[return-value]

    def play(folder: Path, *words: str, **environment: str) -> Played:
        started.append(Played(folder, *words, **environment))
        return started[-1]  # type: ignore[return-value]

    try:
        yield serve, play
    finally:
        for one in reversed(started):
            one.end()
