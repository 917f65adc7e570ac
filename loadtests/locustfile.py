"""Load tests for Locust: ``locust -f loadtests/locustfile.py`` opens its page, ``--headless`` runs one at once.

User classes and load shapes are chosen in the page or on the command line, and so are the options of
:mod:`loadtests.options`. Requests come at precomputed times (open loop) unless ``--loop closed`` is chosen, the same
ones with one process or with many: ``--processes 4``, or ``--master`` and ``--worker`` on several machines.
"""

from __future__ import annotations

from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.conductor import Conductor
from loadtests.crew import Crew
from loadtests.forks import end_with_parent
from loadtests.load_shapes import Constant, DailyWave, FlashCrowd, Ramp, Replay, Spike, Step
from loadtests.options import add_options
from loadtests.users import Fibonacci, GatewayBrowser, KvGrpc, KvHotKey, KvMixed, KvReader, KvWriter

__all__ = [
    "Constant", "DailyWave", "Fibonacci", "FlashCrowd", "GatewayBrowser", "KvGrpc", "KvHotKey", "KvMixed", "KvReader",
    "KvWriter", "Ramp", "Replay", "Spike", "Step",
]  # fmt: skip


def _set_the_stage(environment: Environment, **_given: Any) -> None:
    hooks, runner = environment.events, environment.runner
    crew = None if isinstance(runner, MasterRunner) else Crew(environment)
    conductor = None if isinstance(runner, WorkerRunner) else Conductor(environment)
    if conductor is not None:
        _prepare(environment, conductor)
        hooks.test_start.add_listener(conductor.begin)
        hooks.test_stopping.add_listener(conductor.stopping)
    if crew is not None:
        hooks.test_start.add_listener(crew.begin)
        hooks.test_stopping.add_listener(crew.stopping)
        hooks.quitting.add_listener(crew.quitting)
    if conductor is not None:
        hooks.test_stop.add_listener(conductor.end)


def _prepare(environment: Environment, conductor: Conductor) -> None:
    """The shape that the options name, where Locust would take the first there is; and what the page adds."""
    shapes: dict[str, Any] = dict(environment.available_shape_classes or {})
    word = vars(environment.parsed_options)["shape"]
    chosen = next(shape for shape in shapes.values() if shape.word == word)
    chosen.runner = environment.runner
    environment.shape_class = chosen
    if environment.web_ui is None:
        conductor.refuse_bad_settings()
    else:
        pages: Any = environment.web_ui.app
        pages.add_url_rule("/load-report", "load-report", conductor.last_page)


def _add_options(parser: LocustArgumentParser, **_given: Any) -> None:
    add_options(parser)


end_with_parent()
events.init_command_line_parser.add_listener(_add_options)
events.init.add_listener(_set_the_stage)
