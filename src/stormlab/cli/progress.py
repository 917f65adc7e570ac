"""How far the runs are, on standard error: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stormlab.api import Job, Progress

#: Without a terminal, at most one line in so many s.
PAUSE = 10.0

NAMES = {"sim": "simulation", "live": "live"}


class Tally:
    """Adds up the shares of all runs of one world."""

    def __init__(self, expected: dict[str, int]) -> None:
        self._expected = expected
        self._shares: dict[str, dict[tuple[str, int], float]] = {world: {} for world in expected}

    def hear(self, job: Job, share: float) -> tuple[float, str]:
        """The share of its world that is done now, and a text for it."""
        shares, expected = self._shares[job.world], self._expected[job.world]
        shares[job.scenario.variant, job.seed] = share
        done = sum(one >= 1.0 for one in shares.values())
        counted = f" {done}/{expected} runs" if expected > 1 else ""
        return math.floor(100 * sum(shares.values()) / expected) / 100, f"{NAMES[job.world]}{counted}"


@contextmanager
def progress(expected: dict[str, int]) -> Iterator[Progress]:
    """A listener for as many runs per world as are ``expected``."""
    tally = Tally(expected)
    if not sys.stderr.isatty():
        yield _lines(tally, time.monotonic)
        return
    with _bars() as bars:
        tasks = {world: bars.add_task(NAMES[world], total=1.0, start=False) for world in expected}

        def draw(job: Job, share: float) -> None:
            completed, text = tally.hear(job, share)
            bars.start_task(tasks[job.world])
            bars.update(tasks[job.world], completed=completed, description=text)

        yield draw


def _lines(tally: Tally, clock: Callable[[], float]) -> Progress:
    last, said = clock(), ""

    def tell(job: Job, share: float) -> None:
        nonlocal last, said
        completed, text = tally.hear(job, share)
        line = f"{text}: {completed:.0%}"
        if clock() - last >= PAUSE and line != said:
            last, said = clock(), line
            click.echo(line, err=True)

    return tell


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
