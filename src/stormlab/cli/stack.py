"""``stormlab up`` and ``stormlab down``: the live stack."""

from __future__ import annotations

from pathlib import Path

import click

from stormlab.console import compose
from stormlab.console.compose import PROFILES
from stormlab.live.programs import PROXIES


@click.command()
@click.option(
    "--base-port",
    "base",
    metavar="N",
    type=click.IntRange(1024, 65000),
    help="Take consecutive ports from here on instead of the usual ones.",
)
@click.option(
    "--proxy",
    type=click.Choice(PROXIES),
    default="auto",
    show_default=True,
    help="The chaos proxy; auto takes a Toxiproxy that is on PATH.",
)
@click.option("--prometheus/--no-prometheus", default=None, help="Demand or forbid Prometheus.  [default: if found]")
@click.option("--jaeger/--no-jaeger", default=None, help="Demand or forbid Jaeger.  [default: if found]")
@click.option(
    "--rules",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Prometheus rules instead of those of deploy/.",
)
@click.option("--docker", is_flag=True, help="In containers instead, with Grafana and PostgreSQL; returns when ready.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Choice(PROFILES),
    help="With --docker: what to start; can be repeated. Usually core and observe.",
)
def up(
    *,
    base: int | None,
    proxy: str,
    prometheus: bool | None,
    jaeger: bool | None,
    rules: Path | None,
    docker: bool,
    profiles: tuple[str, ...],
) -> None:
    """The services, the chaos proxy and a page with charts, toxics, scenarios and traces, until interrupted.

    Prometheus and Jaeger are started too when they are on PATH or in .tools/bin, where `make real-parts` puts them.
    """
    natively = {"base": base, "prometheus": prometheus, "jaeger": jaeger, "rules": rules}
    if docker:
        if proxy != "auto" or any(value is not None for value in natively.values()):
            raise click.UsageError("--base-port, --proxy, --rules and the like are not for --docker: variables there")
        compose.up(profiles, click.echo)
        return
    if profiles:
        raise click.UsageError("--profile is for --docker")
    from stormlab.live.checkout import require_extras

    require_extras()  # before the import of what needs them
    from stormlab.console.program import Options
    from stormlab.console.program import up as start

    options = Options(base=base, proxy=proxy, prometheus=prometheus, jaeger=jaeger, rules=rules)
    start(options, say=lambda line: click.echo(line))


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
