"""A call that goes to several places at once and succeeds only if all of them answer."""

from __future__ import annotations

import simpy

from stormlab.drivers.sim import Run
from stormlab.effects import Request, Strategy
from stormlab.outcome import SUCCESS, Outcome
from stormlab.sim.service import Endpoint, Reply


def scatter(env: simpy.Environment, strategy: Strategy, endpoint: Endpoint, number: int) -> Endpoint:
    """An endpoint that makes ``number`` calls at the same time; the first failure is the answer, the others go on."""

    def send(request: Request, reply: Reply) -> Outcome | None:
        left = number

        def answered(_now: float, outcome: Outcome) -> None:
            nonlocal left
            if left <= 0:
                return
            left = left - 1 if outcome.ok else 0
            if left == 0:
                reply(SUCCESS if outcome.ok else outcome)

        for _ in range(number):
            Run(env, strategy(env.now, request), endpoint, answered).start()
        return None

    return send
