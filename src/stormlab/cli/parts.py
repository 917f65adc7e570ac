"""``stormlab proxy`` and ``stormlab services``: single parts of the live world."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from stormlab.errors import BadInput


@click.command()
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address of the API.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8474, show_default=True, help="Its port; 0: any free."
)
@click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="JSON file with a list of proxies to start with."
)
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), help="Makes the draws of toxicity, jitter and slices repeatable."
)
def proxy(*, host: str, port: int, config: Path | None, seed: int | None) -> None:
    """The embedded chaos proxy, which speaks Toxiproxy's HTTP API, until interrupted."""
    from stormlab.chaos.server.process import serve

    serve(host=host, port=port, config=config, seed=seed)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("service", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def services(*, service: str | None, arguments: tuple[str, ...]) -> None:
    """One SERVICE of the checkout with ARGUMENTS of its own, until interrupted; without a name, which there are.

    \b
    stormlab services kv --port 8080 --tlog-filename /tmp/kv.log
    stormlab services kv --help
    """
    from stormlab.live.checkout import root

    checkout = root()
    known = sorted(path.parent.name for path in (checkout / "services").glob("*/__main__.py"))
    if service is None:
        click.echo("\n".join(known))
        return
    if service not in known:
        raise BadInput(f"there is no service {service!r} in {checkout / 'services'} (there is: {', '.join(known)})")
    paths = os.pathsep.join([str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", f"services.{service}", *arguments]
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": paths})
