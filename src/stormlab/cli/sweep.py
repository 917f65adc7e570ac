"""``stormlab sweep``: the vulnerability map over two keys of a scenario."""

from __future__ import annotations

import csv
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from stormlab.cli.completion import scenario_names, variant_names
from stormlab.cli.play import engine


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option("--x", "x", metavar="KEY=LO:HI:N", required=True, help="The key across, and its values.")
@click.option("--y", "y", metavar="KEY=LO:HI:N", required=True, help="The key upwards, and its values.")
@click.option("--variant", metavar="NAME", default="", help="One of the file's variants.", shell_complete=variant_names)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Another value for a key; repeatable.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=1, show_default=True, help="The first seed.")
@click.option(
    "--seeds", metavar="N", type=click.IntRange(min=1), default=5, show_default=True, help="How many seeds per point."
)
@engine
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), default=os.cpu_count, help="Processes; every core.")
@click.option("--dask", metavar="ADDRESS", default="", help="Play on a Dask cluster, such as tcp://10.0.0.1:8786.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the map; a sweep that was interrupted there goes on.",
)
@click.option("--force", is_flag=True, help="Begin again, also when another sweep is in that folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per point and line.")
def sweep(
    *,
    scenario: str,
    x: str,
    y: str,
    out: Path | None,
    force: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Vary two keys of SCENARIO and draw where it is stable, vulnerable and metastable.

    \b
    stormlab sweep retry-storm --x clients.web.arrivals.rate=10:110:21 --y faults.spike.factor=1:5:17
    """
    from stormlab.api import output
    from stormlab.api.sweep import Axis, Sweep, clear, run_sweep

    where = {name: settings.pop(name) for name in ("jobs", "dask")}
    settings["overrides"] = tuple(settings["overrides"])
    chosen = Sweep(scenario=scenario, x=Axis.parse(x), y=Axis.parse(y), **settings)
    folder = out or output.default(chosen.at(0, 0).name, "sweep")
    said = time.monotonic()

    def heard(_result: dict[str, Any], done: int, of: int) -> None:
        nonlocal said
        if time.monotonic() - said > 2 or done == of:
            said = time.monotonic()
            click.echo(f"{done} of {of} points", err=True)

    if force:
        clear(folder)
    try:
        results = run_sweep(chosen, folder, heard=heard, **where)
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command with --out {folder} goes on where it was", err=True)
        raise
    _write(chosen, results, folder)
    if as_json:
        for result in results:
            click.echo(json.dumps(result, ensure_ascii=False))
        return
    for name, count in Counter(result["region"] for result in results).most_common():
        click.echo(f"{name}: {count} of {len(results)} points")
    click.echo(folder / "map.png")


def _write(chosen: Any, results: list[dict[str, Any]], folder: Path) -> None:
    from stormlab.report.style import save_png
    from stormlab.report.vulnerability import amplified_load, vulnerability_map

    with (folder / "map.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([chosen.x.key, chosen.y.key, "region", "metastable", "goodput_ratio"])
        for one in results:
            share = one["trigger"].get("metastable", 0) / chosen.seeds
            writer.writerow([one["x"], one["y"], one["region"], share, f"{one['goodput_ratio']:.9g}"])
    loads = [amplified_load(chosen.at(*point)) for point in chosen.points]
    save_png(vulnerability_map(results, chosen.x.key, chosen.y.key, loads), folder / "map.png")
