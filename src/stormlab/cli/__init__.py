"""The command line. Commands import what they need when they run, so that ``stormlab --help`` is quick."""

from __future__ import annotations

import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from stormlab.cli.availability import availability
from stormlab.cli.diff import diff
from stormlab.cli.doctor import doctor
from stormlab.cli.group import OUR_FAULT, StormlabGroup
from stormlab.cli.hysteresis import hysteresis
from stormlab.cli.lesson import lesson
from stormlab.cli.load import load
from stormlab.cli.new import new
from stormlab.cli.parts import proxy, services
from stormlab.cli.play import compare, run
from stormlab.cli.scenarios import list_scenarios, show
from stormlab.cli.seeds import seeds
from stormlab.cli.stack import down, up
from stormlab.cli.sweep import sweep


@click.group(cls=StormlabGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="stormlab", prog_name="stormlab")
def cli() -> None:
    """A wind tunnel for failures of distributed systems.

    One scenario file says what the system is, who calls it with which policies, and what goes wrong when. stormlab
    plays it in simulation, live on real processes, or both, and gives a verdict.

    Exit status: 0 the expectations hold, 1 they do not, 2 bad input, 3 the run is void, 130 interrupted.
    """


COMMANDS = (
    *(list_scenarios, show, new, run, compare, sweep, hysteresis, seeds, diff, load, availability),
    *(up, down, proxy, services, lesson, doctor),
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> NoReturn:
    """What the program ``stormlab`` runs."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli(prog_name="stormlab")
    except Exception:
        traceback.print_exc()
        sys.exit(OUR_FAULT)
    sys.exit(0)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave as from any other error, so that whatever was started is ended on the way out."""
    sys.exit(128 + number)
