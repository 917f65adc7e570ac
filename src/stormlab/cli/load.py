"""``stormlab load``: a load test, by Locust, from one process or from several."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that make the load; together they send what one would.",
)
@click.option("--page", is_flag=True, help="Open Locust's page at http://127.0.0.1:8089 instead of starting at once.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def load(*, workers: int, page: bool, arguments: tuple[str, ...]) -> None:
    """A load test by Locust, with our user classes and load shapes and ARGUMENTS of Locust's own.

    Exits with 1 when something that was expected does not hold, with 3 when the run is void: the load generator was
    late, or a worker was lost.

    \b
    stormlab load KvMixed --rate 200 -t 30s --out runs/load
    stormlab load KvReader --rate 500 --shape spike --workers 4 --expect "p99<0.25, failures<0.01"
    stormlab load --scenario retry-storm --variant budget -H http://127.0.0.1:8080
    stormlab load --page
    stormlab load --help-locust
    """
    from stormlab.live.load import play

    words = ["--help" if word == "--help-locust" else word for word in arguments]
    ways = ["--web-host", "127.0.0.1"] if page else ["--headless", "--only-summary"]
    click.get_current_context().exit(play([*ways, *words], workers=workers))
