"""``stormlab diff``: is one set of runs better or worse than another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stormlab.report.difference import Difference

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command()
@click.argument("before", type=_FOLDER)
@click.argument("after", type=_FOLDER)
@click.option("--live", "world", flag_value="live", help="Compare the live runs instead of the simulated ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per measure and line, and nothing else.")
def diff(*, before: Path, after: Path, world: str | None, as_json: bool) -> None:
    """Whether the runs in AFTER are better or worse than those in BEFORE, by a statistical test.

    Both are folders that `stormlab run --seeds N --out DIR` wrote, of the same scenario or of two. Exits with 1 when
    a measure is worse.

    \b
    stormlab run retry-storm --variant naive --seeds 20 --out runs/before
    stormlab run retry-storm --variant budget --seeds 20 --out runs/after
    stormlab diff runs/before runs/after
    """
    from stormlab.report import difference

    sets = [difference.read(path, world or "sim") for path in (before, after)]
    found = difference.differences(*sets)
    if as_json:
        for one in found:
            click.echo(json.dumps(_plain(one)))
    else:
        void = sum(one.void for one in sets)
        _print(found, f"{sets[0].runs} and {sets[1].runs} runs" + (f", {void} void ones left out" if void else ""))
    click.get_current_context().exit(int(any(one.change is difference.Change.WORSE for one in found)))


def _plain(one: Difference) -> dict[str, object]:
    return {
        "measure": one.measure,
        "window": one.window,
        "before": one.before,
        "after": one.after,
        "p": one.p,
        "change": one.change.value,
    }


def _print(found: Sequence[Difference], counted: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from stormlab.report.difference import ALPHA, conclusion
    from stormlab.report.findings import number, percent

    table = Table("measure", "window", "before", "after", "change", "p (adjusted)", "", box=None)
    for one in found:
        cells = (number(one.before), number(one.after), percent(one.relative), f"{one.p:.4f}", one.change.value)
        table.add_row(one.measure, one.window, *cells)
    console = Console(width=None if Console().is_terminal else 120)
    console.print(conclusion(found), style="bold", highlight=False)
    console.print(table)
    console.print(f"Means over {counted}; permutation test, all false alarms together at most {ALPHA:.0%}.")
