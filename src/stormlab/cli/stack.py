"""``stormlab up`` and ``stormlab down``: the live stack."""

from __future__ import annotations

import click

from stormlab.console import compose
from stormlab.console.compose import PROFILES


@click.command()
@click.option(
    "--base-port",
    "base",
    metavar="N",
    type=click.IntRange(1024, 65000),
    help="Take consecutive ports from here on instead of the usual ones.",
)
@click.option("--no-prometheus", is_flag=True, help="Do not start Prometheus, even when it is on PATH.")
@click.option("--docker", is_flag=True, help="In containers instead, with Grafana and PostgreSQL; returns when ready.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Choice(PROFILES),
    help="With --docker: what to start; can be repeated. Usually core and observe.",
)
def up(*, base: int | None, no_prometheus: bool, docker: bool, profiles: tuple[str, ...]) -> None:
    """The services, the chaos proxy and a page with charts, toxics, scenarios and traces, until interrupted.

    Prometheus and Toxiproxy are used when they are on PATH.
    """
    if docker:
        if base is not None or no_prometheus:
            raise click.UsageError("--base-port and --no-prometheus are not for --docker: ports are variables there")
        compose.up(profiles, click.echo)
        return
    if profiles:
        raise click.UsageError("--profile is for --docker")
    from stormlab.console.program import up as start

    start(base=base, prometheus=not no_prometheus, say=lambda line: click.echo(line))


@click.command()
@click.option("--volumes", is_flag=True, help="Remove the data of the containers too.")
def down(*, volumes: bool) -> None:
    """End the stack that `stormlab up` started, as processes or in containers."""
    from stormlab.console import site

    state = site.running()
    if state is not None:
        site.take_down(state)
    contained = compose.down(volumes=volumes)
    click.echo("the stack is down" if state is not None or contained else "no stack is up")
