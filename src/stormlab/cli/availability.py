"""``stormlab availability``: what an arrangement of components adds up to."""

from __future__ import annotations

import click


@click.command()
@click.argument("expression")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def availability(*, expression: str, as_json: bool) -> None:
    """How available components in series and in parallel are together.

    \b
    stormlab availability 'series(0.99, parallel(0.99, 0.99, 0.99))'
    """
    from stormlab.availability import parse, render, report, to_json

    found = report(parse(expression))
    click.echo(to_json(found) if as_json else render(found))
