"""What the live tests start and look for."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def marked(mark: str) -> list[int]:
    """The processes whose environment holds ``mark``: those a run started, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment and alive(int(entry.name)):
                found.append(int(entry.name))
    return found
