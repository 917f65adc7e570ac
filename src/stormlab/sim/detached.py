"""Calls on whose answer the request that makes them does not depend: optional ones, and those that a buffer takes over.

A buffer makes a call cheap for as long as it has room. What happens then decides whether the callee may fail: a buffer
that blocks passes the failure on, later and all at once; one that drops loses data and nothing else.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import Request, Strategy
from stormlab.outcome import SUCCESS, Outcome
from stormlab.scenario.parts import Buffer as Description
from stormlab.sim.service import Endpoint, Reply


def optional(env: simpy.Environment, strategy: Strategy, endpoint: Endpoint) -> Endpoint:
    """An endpoint that makes the call, waits for its end, and answers with a success in any case."""

    def send(request: Request, reply: Reply) -> Outcome | None:
        Run(env, strategy(env.now, request), endpoint, lambda _now, _outcome: reply(SUCCESS)).start()
        return None

    return send


class Buffer:
    """Answers calls at once and makes them later, in the order they came, each until it has succeeded."""

    def __init__(
        self, env: simpy.Environment, description: Description, strategy: Strategy, endpoint: Endpoint
    ) -> None:
        self._env = env
        self._description = description
        self._strategy = strategy
        self._endpoint = endpoint
        self._kept: deque[Request] = deque()
        self._blocked: deque[tuple[Request, Reply]] = deque()
        self._idle = description.senders
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._kept)

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        """Keep the call, if there is room; otherwise drop it, or answer when there is.

        It is the buffer's from then on: the deadline of the request concerns it no longer.
        """
        request = request._replace(deadline=None)
        if len(self._kept) < self._description.capacity:
            self._kept.append(request)
            self._go_on()
            return SUCCESS
        if self._description.full == "drop":
            self.dropped += 1
            return SUCCESS
        self._blocked.append((request, reply))
        return None

    def _go_on(self) -> None:
        while self._idle and self._kept:
            self._idle -= 1
            self._deliver(self._kept.popleft())
            self._admit_blocked()

    def _admit_blocked(self) -> None:
        if self._blocked and len(self._kept) < self._description.capacity:
            request, reply = self._blocked.popleft()
            self._kept.append(request)
            reply(SUCCESS)

    def _deliver(self, request: Request) -> None:
        def answered(_now: float, outcome: Outcome) -> None:
            Timer(self._env, 0.0 if outcome.ok else self._description.retry, next_step[outcome.ok])

        def again(_event: Any) -> None:
            self._deliver(request)

        def delivered(_event: Any) -> None:
            self._idle += 1
            self._go_on()

        next_step = {True: delivered, False: again}
        Run(self._env, self._strategy(self._env.now, request), self._endpoint, answered).start()
