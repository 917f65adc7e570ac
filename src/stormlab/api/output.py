"""The folder that runs are written to: never over something else, and complete only once ``summary.json`` is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from stormlab.errors import BadInput
from stormlab.scenario.result import Result, write

#: Written last: a folder without it is incomplete.
SUMMARY = "summary.json"

_PAGES = ("report.html", "compare.html", "compare.json", "divergence.json", "plots")
_OURS = ("sim-seed-*", "live-seed-*", ".*.part", "hysteresis.*", *_PAGES, SUMMARY)


def default(*words: str) -> Path:
    """``runs/<words>-<local time>`` below the current directory, with a number when that is taken."""
    stem = "-".join([*filter(None, words), datetime.now().strftime("%Y%m%d-%H%M%S")])
    folder, number = Path("runs") / stem, 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{stem}-{number}"
    return folder


@contextmanager
def opened(folder: str | Path | None, *, replacing: bool = False) -> Iterator[Path | None]:
    """A folder to write to, or none; it is gone again when nothing was written.

    Args:
        replacing: remove what earlier runs wrote there, and only that.

    Raises:
        BadInput: it holds something already, or cannot be made.
    """
    if folder is None:
        yield None
        return
    made = _prepare(Path(folder), replacing=replacing)
    try:
        yield made
    finally:
        with suppress(OSError):
            made.rmdir()


def _prepare(folder: Path, *, replacing: bool) -> Path:
    with _writing(folder):
        if folder.is_dir() and replacing:
            _clear(folder)
        if folder.is_dir() and any(folder.iterdir()):
            remedy = "move it away" if replacing else "choose another --out, or replace earlier runs with --force"
            raise BadInput(f"{folder}: this folder is not empty; {remedy}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable.part").touch()
        (folder / ".writable.part").unlink()
    return folder


def save(result: Result, folder: Path) -> Result:
    """Write one run to a folder of its own, which appears when it is whole."""
    name = f"{result.world}-seed-{result.seed}"
    saved = replace(result, out=folder / name)
    with _writing(folder):
        part = folder / f".{name}.part"
        write(saved, part)
        part.rename(folder / name)
    return saved


def finish(folder: Path, summary: dict[str, Any]) -> None:
    """Say that ``folder`` is complete."""
    with _writing(folder):
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        (folder / SUMMARY).write_text(text, encoding="utf-8")


def _clear(folder: Path) -> None:
    """Remove earlier runs, and the folders of variants that hold nothing but earlier runs."""
    for pattern in _OURS:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for below in folder.iterdir():
        if below.is_dir() and (below / SUMMARY).is_file():
            _clear(below)
            if not any(below.iterdir()):
                below.rmdir()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror or error}; choose another --out") from None
