"""The key-value service as a child process of the tests."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Running:
    """A service on free ports that has read its history, with what it logs line by line from then on."""

    def __init__(self, log: Path, **settings: object) -> None:
        environment = {"TLOG_FILENAME": str(log), "PORT": "0", "GRPC_PORT": "0", "ADMIN_PORT": "0"}
        environment |= {key.upper(): str(value) for key, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.kv"],
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
        self.until("replayed")

    @property
    def public(self) -> str:
        return "http://" + self.addresses["rest"]

    def until(self, event: str) -> dict[str, Any]:
        """The next line that logs ``event``.

        Raises:
            EOFError: the process ended without it.
        """
        while (text := self._lines.get(timeout=60)) is not None:
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise EOFError(event)

    def rest(self) -> list[str]:
        """The lines that are still logged until the process ends."""
        lines = []
        while (text := self._lines.get(timeout=60)) is not None:
            lines.append(text)
        return lines

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """Ends the process, whatever state it is in."""
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def _drain(self) -> None:
        """Reads on and on, so that the process never waits for somebody to read."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)
