"""``stormlab hysteresis``: load up, then down, and whether the system remembers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import click

from stormlab.cli.completion import scenario_names, variant_names
from stormlab.cli.play import engine


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option(
    "--load",
    "load",
    metavar="LO:HI:N",
    default="0.2:2:10",
    show_default=True,
    help="Levels of load, as factors of the scenario's.",
)
@click.option(
    "--hold",
    metavar="S",
    type=float,
    default=60.0,
    show_default=True,
    help="How long each is held; longer than a queue drains.",
)
@click.option("--variant", metavar="NAME", default="", help="One of the file's variants.", shell_complete=variant_names)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Another value for a key; repeatable.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=1, show_default=True, help="The first seed.")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=3, show_default=True, help="How many seeds.")
@engine
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figure and the numbers.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote to that folder.")
@click.option("--json", "as_json", is_flag=True, help="The finding and the levels as one JSON object.")
def hysteresis(*, scenario: str, load: str, hold: float, out: Path | None, as_json: bool, **settings: Any) -> None:
    """Step the load of SCENARIO up, then down: where does it break, and where does it heal?

    \b
    stormlab hysteresis retry-storm --load 0.2:2:10
    """
    from stormlab import api
    from stormlab.api import hysteresis as study
    from stormlab.api import output

    chosen = api.load(scenario, variant=settings["variant"], overrides=settings["overrides"])
    stairs = study.Staircase.parse(load, hold=hold)
    seeds = range(settings["seed"], settings["seed"] + settings["seeds"])
    with output.opened(out or output.default(chosen.name, "hysteresis"), replacing=settings["force"]) as folder:
        levels = study.play(chosen, stairs, seeds=seeds, engine=settings["engine"], heard=_said)
        found = study.as_json(levels)
        assert folder is not None
        _write(found, folder)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(found["finding"])
    click.echo(folder / "hysteresis.png")


def _said(done: int, of: int) -> None:
    click.echo(f"{done} of {of} seeds", err=True)


def _write(found: dict[str, Any], folder: Path) -> None:
    from stormlab.report.hysteresis import loop
    from stormlab.report.style import save_png

    levels = found["levels"]
    (folder / "hysteresis.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with (folder / "hysteresis.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(levels[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.9g}" for name, value in level.items()} for level in levels)
    loads, up, down = ([level[name] for level in levels] for name in ("load", "up", "down"))
    save_png(loop(found["finding"], loads, up, down), folder / "hysteresis.png")
