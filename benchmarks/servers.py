"""The servers that are measured: each a process that is held to one core."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stormlab.live import ports
from tools.waiting import wait_for

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A started server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(command: Sequence[str], core: int, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The server that ``command``, with a free port as its last word, starts on ``core``, ended afterwards."""
    (port,) = ports.free(1)
    words = ["taskset", "-c", str(core), *command, str(port)]
    process = subprocess.Popen(words, cwd=ROOT, env=os.environ | (settings or {}), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: ports.answers(port), what=f"{' '.join(command)} to listen")
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()
