"""Recorded traces: when requests came, from a file."""

from __future__ import annotations

import csv
from pathlib import Path

from stormlab.errors import BadInput

#: Columns that may hold the times, the first that is there.
COLUMNS = ("intended", "time", "t")


def read_trace(path: Path) -> tuple[float, ...]:
    """Times in s, ascending, the first at 0: a number per line, or the column of a CSV file (:data:`COLUMNS`).

    Raises:
        BadInput: the file cannot be read, or something in it is no time.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"trace {path}: cannot be read: {error}") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not numbered:
        raise BadInput(f"trace {path}: it is empty; write a time in s per line")
    column = _column(path, numbered[0][1])
    times = sorted(_time(path, number, line, column or 0) for number, line in numbered[column is not None :])
    return tuple(time - times[0] for time in times)


def _column(path: Path, first: str) -> int | None:
    """Which column of a CSV file with a head holds the times; ``None`` for a file without one."""
    head = next(csv.reader([first]))
    if _is_number(head[0]):
        return None
    found = [head.index(name) for name in COLUMNS if name in head]
    if not found:
        raise BadInput(f"trace {path}: line 1: there is no column named {', '.join(COLUMNS)}")
    return found[0]


def _time(path: Path, number: int, line: str, column: int) -> float:
    cells = next(csv.reader([line]))
    if column >= len(cells) or not _is_number(cells[column]):
        raise BadInput(f"trace {path}: line {number}: {line.strip()[:40]!r} holds no time in s")
    return float(cells[column])


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False
