"""Any service as a child process of the tests."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tools.waiting import wait_for

ROOT = Path(__file__).parents[2]
#: How long a service may take to say the next thing it has to say, and to end, in s.
PATIENCE = 60.0


class Program:
    """``python -m services.NAME`` on free ports, with what it logs line by line."""

    def __init__(self, name: str, **settings: object) -> None:
        environment = {"PORT": "0", "ADMIN_PORT": "0"} | {key.upper(): str(value) for key, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._drain, daemon=True).start()
        self.addresses: dict[str, str] = {}
        while "admin" not in self.addresses:
            line = self.until("listening")
            self.addresses[line["name"]] = line["address"]
        if name == "kv":
            wait_for(self._has_read_its_history)

    @property
    def public(self) -> str:
        return "http://" + self.addresses["rest"]

    @property
    def admin(self) -> str:
        return "http://" + self.addresses["admin"]

    def until(self, event: str) -> dict[str, Any]:
        """The next line that logs ``event``.

        Raises:
            EOFError: the process ended without it.
        """
        for line in self._logged():
            if line.get("event") == event:
                return line
        raise EOFError(event)

    def rest(self) -> list[dict[str, Any]]:
        """What is still logged until it ends."""
        return list(self._logged())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    def end(self) -> None:
        """Ends the process, whatever state it is in."""
        self.process.kill()
        self.process.wait()

    def _has_read_its_history(self) -> bool:
        checks = httpx.get(self.public + "/readyz").json()["checks"]
        return bool(checks["history"]["status"] == "healthy")

    def _logged(self) -> Iterator[dict[str, Any]]:
        while (text := self._lines.get(timeout=PATIENCE)) is not None:
            yield json.loads(text)

    def _drain(self) -> None:
        """Reads on and on, so that the process never waits for somebody to read."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)


@contextmanager
def programs() -> Iterator[Callable[..., Program]]:
    """Starts services that end with the block."""
    started: list[Program] = []

    def start(name: str, **settings: object) -> Program:
        started.append(Program(name, **settings))
        return started[-1]

    try:
        yield start
    finally:
        for program in started:
            program.end()


def refusal(name: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and words of a service that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", f"services.{name}", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stderr + done.stdout


def metric(page: str, name: str, **labels: str) -> float:
    """The sum of the series of ``name`` whose labels contain ``labels``."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in page.splitlines() if line.startswith(name + "{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(item in line for item in wanted))
