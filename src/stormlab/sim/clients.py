"""Simulated callers: open ones follow precomputed arrival times, closed ones wait, think and ask again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, Request, Strategy
from stormlab.outcome import Ending, Outcome
from stormlab.scenario.arrivals import Times
from stormlab.scenario.distributions import Sampler
from stormlab.scenario.disturbances import Block
from stormlab.scenario.recorder import ClientLog
from stormlab.sim.service import Endpoint, Reply


class Caller:
    """What open and closed clients share: one strategy, one way to the service, one log."""

    def __init__(
        self, env: simpy.Environment, strategy: Strategy, send: Endpoint, log: ClientLog, random: Random
    ) -> None:
        self.env = env
        self.strategy = strategy
        self.send = send
        self.log = log
        self.blocks: Sequence[Block] = ()
        self.make: Callable[[], Request] | None = None
        self._random = random

    def request(self, intended: float, then: Callable[[], None] | None = None) -> None:
        """Start one request that was due at ``intended``; ``then`` is called when it has ended."""
        self.log.offered[int(intended)] += 1
        if self.blocks and self._random.random() < max(block.share_at(self.env.now) for block in self.blocks):
            self.log.ended(intended, self.env.now, Ending.REFUSED, 0)
            if then is not None:
                then()
            return
        flight = _Flight(self, intended, then)
        request = PLAIN if self.make is None else self.make()
        Run(self.env, self.strategy(self.env.now, request), flight.attempt, flight.done).start()


class _Flight:
    """One request under way, counted attempt by attempt."""

    __slots__ = ("attempts", "caller", "intended", "then")

    def __init__(self, caller: Caller, intended: float, then: Callable[[], None] | None) -> None:
        self.caller = caller
        self.intended = intended
        self.attempts = 0
        self.then = then

    def attempt(self, request: Request, reply: Reply) -> Outcome | None:
        self.attempts += 1
        caller = self.caller
        counts = caller.log.attempts
        bin_ = int(caller.env.now)
        counts[bin_ if bin_ < len(counts) else -1] += 1
        return caller.send(request, reply)

    def done(self, now: float, outcome: Outcome) -> None:
        self.caller.log.ended(self.intended, now, outcome.ending, self.attempts)
        if self.then is not None:
            self.then()


class OpenLoop:
    """Requests start at ``times`` (s), whatever became of the earlier ones."""

    def __init__(self, caller: Caller, times: Times) -> None:
        self._caller = caller
        self._times = iter(times.tolist())
        self._due = 0.0
        self._schedule()

    def _schedule(self) -> None:
        due = next(self._times, None)
        if due is not None:
            self._due = due
            Timer(self._caller.env, due - self._caller.env.now, self._arrive)

    def _arrive(self, _event: Any) -> None:
        intended = self._due
        self._schedule()
        self._caller.request(intended)


class ClosedLoop:
    """As many users as ``population(now)`` says, each with one request at a time, until ``end`` (s).

    The population is looked at once a second; users beyond it leave when they would next ask.
    """

    def __init__(self, caller: Caller, population: Callable[[float], int], think: Sampler, end: float) -> None:
        self._caller = caller
        self._population = population
        self._think = think
        self._end = end
        self._present: set[int] = set()
        self._recruit(None)

    def _recruit(self, _event: Any) -> None:
        env = self._caller.env
        if env.now >= self._end:
            return
        for user in range(self._population(env.now)):
            if user not in self._present:
                self._present.add(user)
                self._think_then_ask(user)
        Timer(env, 1.0, self._recruit)

    def _think_then_ask(self, user: int) -> None:
        Timer(self._caller.env, self._think(), lambda _event: self._ask(user))

    def _ask(self, user: int) -> None:
        now = self._caller.env.now
        if now >= self._end or user >= self._population(now):
            self._present.discard(user)
            return
        self._caller.request(now, lambda: self._think_then_ask(user))
