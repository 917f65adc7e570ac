"""``stormlab seeds``: how many seeds are enough."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from stormlab.cli.completion import scenario_names, variant_names
from stormlab.cli.play import engine

if TYPE_CHECKING:
    from stormlab.scenario.estimate import Estimate

WORDS = ["unaffected", "recovered", "recovered-late", "metastable", "collapsed"]


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option("--verdict", type=click.Choice(WORDS), default=None, help="Know the share of runs with this verdict.")
@click.option("--measure", metavar="NAME", default="", help="Know the mean of a measure after the last fault.")
@click.option(
    "--within", metavar="W", type=float, default=0.05, show_default=True, help="The half-width of the 95 % interval."
)
@click.option("--variant", metavar="NAME", default="", help="One of the file's variants.", shell_complete=variant_names)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Another value for a key; repeatable.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=1, show_default=True, help="The first seed.")
@click.option("--most", metavar="N", type=int, default=1000, show_default=True, help="Give up after so many.")
@engine
@click.option("--json", "as_json", is_flag=True, help="The estimate as one JSON object.")
def seeds(
    *, scenario: str, verdict: str | None, variant: str, overrides: tuple[str, ...], as_json: bool, **settings: Any
) -> None:
    """Play seeds of SCENARIO until a share or a mean is known closely enough. Exit status 1 when --most are not enough.

    \b
    stormlab seeds retry-storm --verdict metastable --within 0.05
    stormlab seeds retry-storm --measure goodput_ratio --within 0.01
    """
    from stormlab import api
    from stormlab.api.seeds import needed

    chosen = api.load(scenario, variant=variant, overrides=overrides)
    found = needed(chosen, verdict=verdict or "", heard=_teller(), **settings)
    enough = found.half_width <= settings["within"]
    if as_json:
        known = {"seeds": found.n, "value": found.mean, "half_width": found.half_width}
        click.echo(json.dumps(known | {"interval": (found.low, found.high), "enough": enough}))
    else:
        click.echo(_sentence(found, verdict or settings["measure"], share=verdict is not None, enough=enough))
    click.get_current_context().exit(0 if enough else 1)


def _teller() -> Any:
    said = time.monotonic()

    def heard(found: Estimate) -> None:
        nonlocal said
        if time.monotonic() - said > 2:
            said = time.monotonic()
            click.echo(f"{found.n} seeds: {found.mean:.3g} ± {found.half_width:.2g}", err=True)

    return heard


def _sentence(found: Estimate, what: str, *, share: bool, enough: bool) -> str:
    count = f"{found.n} seeds are enough" if enough else f"{found.n} seeds are not enough"
    if share:
        return f"{count}: {what} in {found.mean:.1%} of the runs, 95 % interval {found.low:.1%} to {found.high:.1%}"
    return f"{count}: the mean of {what} is {found.mean:.4g}, 95 % interval {found.low:.4g} to {found.high:.4g}"
