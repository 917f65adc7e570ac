"""``stormlab run`` and ``stormlab compare``: play scenarios, write the results, say how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stormlab.cli.completion import scenario_names, variant_names
from stormlab.cli.progress import progress

if TYPE_CHECKING:
    from rich.console import Console

    from stormlab.api import Worlds
    from stormlab.scenario.result import Result

#: Of what is printed to something that is no terminal, in columns.
WIDTH = 120

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _cores() -> int:
    """Those that this process may use, where the system can say so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


#: Of every command that simulates.
engine = click.option(
    "--engine",
    type=click.Choice(["auto", "simpy", "fast"]),
    default="auto",
    show_default=True,
    help="What simulates: SimPy, the compiled kernel, or auto: the kernel where it knows the scenario and is faster.",
)


def _settings(command: Decorated) -> Decorated:
    """The options that every command has that plays scenarios."""
    options = [
        click.option("--live", "world", flag_value="live", help="On real processes instead of in simulation."),
        click.option("--both", "world", flag_value="both", help="In simulation and live, laid over each other."),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Another value for a key, such as clients.web.arrivals.rate=80; may be repeated.",
        ),
        click.option(
            "--seed", metavar="N", type=click.IntRange(min=0), help="The first seed; the scenario's own by default."
        ),
        click.option(
            "--seeds", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds."
        ),
        click.option(
            "--live-seeds",
            metavar="N",
            type=click.IntRange(min=1),
            help="How many of them are played live; all by default.",
        ),
        click.option(
            "--live-tries",
            metavar="N",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="How often a live run is played at most while it is void.",
        ),
        click.option(
            "--jobs",
            metavar="N",
            type=click.IntRange(min=1),
            default=_cores,
            help="Processes to simulate in; by default every core.",
        ),
        engine,
        click.option(
            "--proxy",
            metavar="WHICH",
            default="auto",
            show_default=True,
            help="Of a live run: embedded, toxiproxy, the URL of one that runs, or auto: toxiproxy if on PATH.",
        ),
        click.option(
            "--out",
            metavar="DIR",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder for results; by default below runs/.",
        ),
        click.option("--force", is_flag=True, help="Replace what an earlier run wrote to that folder."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object per run and line, and nothing else."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option("--variant", metavar="NAME", default="", help="The variant to run.", shell_complete=variant_names)
@_settings
def run(*, scenario: str, variant: str, world: Worlds | None, as_json: bool, out: Path | None, **settings: Any) -> None:
    """Play SCENARIO, a name or a file, and say whether its expectations hold.

    \b
    stormlab run retry-storm --variant naive --seeds 20
    stormlab run retry-storm --variant budget --both
    stormlab run retry-storm --set clients.web.arrivals.rate=80 --json
    """
    from stormlab import api
    from stormlab.api import output

    # what cannot be used is found before a folder is made
    name = api.load(scenario, variant=variant, overrides=settings["overrides"]).name
    folder = out or output.default(name, variant)
    with progress(_expected(world, settings)) as heard:
        runs = api.run(scenario, variant=variant, world=world or "sim", out=folder, progress=heard, **settings)
    if as_json:
        _print_objects(runs)
    else:
        from stormlab.report.terminal import summary

        summary(runs, _console(), report=runs.page)
    click.get_current_context().exit(runs.status)


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option(
    "--variants",
    metavar="NAMES",
    default="all",
    show_default=True,
    help="Their names, separated by commas.",
    shell_complete=variant_names,
)
@_settings
def compare(
    *, scenario: str, variants: str, world: Worlds | None, as_json: bool, out: Path | None, **settings: Any
) -> None:
    """Play several variants of SCENARIO with the same seeds, side by side.

    \b
    stormlab compare retry-storm --variants naive,budget --seeds 5
    """
    from stormlab import api
    from stormlab.api import output
    from stormlab.scenario.loader import read

    source = read(scenario)
    names = list(source.variants) if variants == "all" else [name.strip() for name in variants.split(",")]
    folder = out or output.default(source.name, "compare")
    with progress(_expected(world, settings, variants=len(names))) as heard:
        runs = api.compare(scenario, variants=names, world=world or "sim", out=folder, progress=heard, **settings)
    if as_json:
        _print_objects(result for one in runs.values() for result in one)
    else:
        from stormlab.report.terminal import comparison_summary

        comparison_summary(runs, _console(), report=runs.page)
    click.get_current_context().exit(runs.status)


def _expected(world: Worlds | None, settings: dict[str, Any], *, variants: int = 1) -> dict[str, int]:
    """How many runs there will be in every world."""
    from stormlab.api import WORLDS_OF

    seeds = {"sim": settings["seeds"], "live": settings["live_seeds"] or settings["seeds"]}
    return {name: seeds[name] * variants for name in WORLDS_OF[world or "sim"]}


def _print_objects(results: Iterable[Result]) -> None:
    for result in results:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))


def _console() -> Console:
    """Standard output, wide enough for tables when it is no terminal."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
