"""``stormlab new``: a scenario file to start from, with the numbers of a service that is running."""

from __future__ import annotations

from pathlib import Path

import click

from stormlab.errors import BadInput


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--url", metavar="URL", help="A service of yours on this machine, which is measured for some seconds.")
@click.option("--name", metavar="NAME", default="service", show_default=True, help="What to call the service.")
@click.option("--force", is_flag=True, help="Replace FILE.")
def new(*, file: Path, url: str | None, name: str, force: bool) -> None:
    """Write a scenario to FILE: a service, callers who retry, a rush, and a variant with a retry budget.

    \b
    stormlab new mine.toml
    stormlab run mine.toml --variant budget

    With --url http://127.0.0.1:9000/ live runs send their requests to that service, through the chaos proxy, and
    the model that the simulation plays has the service time and the capacity that were measured.
    """
    from stormlab.scenario import loader

    if file.exists() and not force:
        raise BadInput(f"{file}: exists already; choose another name or add --force")
    if not file.parent.is_dir():
        raise BadInput(f"{file.parent}: there is no such folder; make it first")
    text = _text(name, url)
    file.write_text(text, encoding="utf-8")
    loader.load(file)
    click.echo(f"wrote {file}; next: stormlab run {file}" + (" --both" if url else ""))


def _text(name: str, url: str | None) -> str:
    from stormlab.scenario.external import address
    from stormlab.scenario.template import template

    if url is None:
        return template(name=name)
    from stormlab.live.survey import survey

    there = address(url)
    click.echo(f"asking {there} for some seconds", err=True)
    found = survey(there)
    click.echo(
        f"alone a request takes {1000 * found.mean:.1f} ms; {'at most' if found.saturated else 'more than'} "
        f"{found.capacity:.0f} answers/s, with {found.callers} callers at once",
        err=True,
    )
    return template(
        name=name, url=str(there), workers=found.workers, mean=found.service_time, spread=round(found.spread, 2)
    )
