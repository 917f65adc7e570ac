"""How much memory a process and everything below it hold, from Linux' ``/proc``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes of one process; in ``pss`` each shared page counts only as the share of it that falls to this process."""

    pid: int
    command: str
    pss: int
    rss: int


def footprints(pid: int) -> list[Footprint]:
    """Of process ``pid`` and all its descendants; empty where ``/proc`` does not tell."""
    found = []
    for one in _family(pid):
        with suppress(OSError, ValueError):
            found.append(_read(one))
    return found


def _read(pid: int) -> Footprint:
    sizes = dict(
        line.split(":", 1) for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines() if ":" in line[:20]
    )
    words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    pss, rss = (int(sizes[name].split()[0]) * _KIB for name in ("Pss", "Rss"))
    return Footprint(pid=pid, command=" ".join(words).strip(), pss=pss, rss=rss)


def _family(pid: int) -> Iterator[int]:
    below = defaultdict(list)
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            below[parent].append(int(path.parent.name))
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += below[one]
