"""``stormlab up`` and ``stormlab down``: the live stack."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--base-port",
    "base",
    metavar="N",
    type=click.IntRange(1024, 65000),
    help="Take consecutive ports from here on instead of the usual ones.",
)
@click.option("--no-prometheus", is_flag=True, help="Do not start Prometheus, even when it is on PATH.")
def up(*, base: int | None, no_prometheus: bool) -> None:
    """The services, the chaos proxy and a page with charts, toxics, scenarios and traces, until interrupted.

    Prometheus and Toxiproxy are used when they are on PATH.
    """
    from stormlab.console.program import up as start

    start(base=base, prometheus=not no_prometheus, say=lambda line: click.echo(line))


@click.command()
def down() -> None:
    """End the stack that `stormlab up` started."""
    from stormlab.console import site

    state = site.running()
    if state is None:
        click.echo("no stack is up")
        return
    site.take_down(state)
    click.echo("the stack is down")
