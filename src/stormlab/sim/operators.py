"""Operators who have to get through to a service before what they intend takes effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, call_once
from stormlab.outcome import Outcome
from stormlab.policies import Scope, Timeout
from stormlab.scenario.disturbances import Through
from stormlab.sim.service import Endpoint


class Operators:
    """Make the requests of ``through`` until all of them in a row have succeeded, then call ``achieved`` once."""

    def __init__(
        self, env: simpy.Environment, through: Through, endpoint: Endpoint, scope: Scope, achieved: Callable[[], None]
    ) -> None:
        self._env = env
        self._through = through
        self._endpoint = endpoint
        self._strategy = Timeout(seconds=through.timeout).bind(call_once, scope)
        self._achieved = achieved
        self._done = 0
        self._given_up = False
        self._try(None)

    def give_up(self) -> None:
        """Stop trying; nothing is achieved any more."""
        self._given_up = True

    def _try(self, _event: Any) -> None:
        if not self._given_up:
            Run(self._env, self._strategy(self._env.now, PLAIN), self._endpoint, self._answered).start()

    def _answered(self, _now: float, outcome: Outcome) -> None:
        if self._given_up:
            return
        self._done = self._done + 1 if outcome.ok else 0
        if self._done == self._through.steps:
            self._achieved()
        else:
            Timer(self._env, 0.0 if outcome.ok else self._through.rest, self._try)
