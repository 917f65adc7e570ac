"""The replicas of a service as processes that end and are started again, and what a start costs others.

A start that has to ask another service is a loop when all replicas start at once: the answers come too late, whoever
has none in time begins again, and the service that is asked works for callers who have left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, Request, Strategy, call_once
from stormlab.outcome import Outcome
from stormlab.policies import Scope, Timeout
from stormlab.scenario.model import Service as Description
from stormlab.scenario.processes import Crash, Startup
from stormlab.sim.service import BROKEN, CONNECTION_LOST, Endpoint, Replica, Reply
from stormlab.sim.turns import Turns


class Processes:
    """Starts and ends the ``replicas`` of one service."""

    def __init__(
        self, env: simpy.Environment, description: Description, replicas: Sequence[Replica], random: Random
    ) -> None:
        self._env = env
        self._crash = description.crash
        self.turns = Turns(env, description.startup.rate if description.startup else None)
        self.started: list[Callable[[Replica], None]] = []
        self.under_way: set[_Process] = set()
        self.left: Callable[[Replica], None] = _nothing
        self._of = {id(one): _Process(self, env, one, description.startup, random) for one in replicas}

    def connect(self, source: Endpoint) -> None:
        """The way to the service that a start asks."""
        for process in self._of.values():
            process.source = source

    def describe(self, description: Description) -> None:
        """Go on with another rate of starts."""
        self.turns.change(description.startup.rate if description.startup else None)

    def stop(self, replica: Replica) -> None:
        """End it at once; nothing but :meth:`start` brings it back."""
        self._of[id(replica)].stop(held=True)

    def start(self, replica: Replica) -> None:
        """Begin to start one that has been stopped; nothing happens to one that is up or starting."""
        self._of[id(replica)].start()

    def remove(self, replica: Replica) -> None:
        """End it for good, until :meth:`start`."""
        self.stop(replica)
        self.left(replica)

    def restart(self, replica: Replica) -> None:
        """End it and start it again."""
        self.stop(replica)
        self.start(replica)

    def crash(self, replica: Replica, restart: float) -> None:
        """End it, and start it again ``restart`` s later."""
        Timer(self._env, 0.0, lambda _event: self._of[id(replica)].crash(restart))

    def guard(self, replica: Replica, endpoint: Endpoint) -> Endpoint:
        """``endpoint`` of ``replica``, which ends when there is too much in it."""
        limits = self._crash
        if limits is None:
            return endpoint
        return _limited(self, replica, endpoint, limits)


def _nothing(_replica: Replica) -> None:
    """Nobody needs to hear."""


def _limited(processes: Processes, replica: Replica, endpoint: Endpoint, limits: Crash) -> Endpoint:
    def submit(request: Request, reply: Reply) -> Outcome | None:
        if replica.up and replica.load >= limits.load:
            processes.crash(replica, limits.restart)
            return CONNECTION_LOST
        return endpoint(request, reply)

    return submit


class _Process:
    """One replica between its end and the moment it serves again."""

    def __init__(
        self,
        fleet: Processes,
        env: simpy.Environment,
        replica: Replica,
        startup: Startup | None,
        random: Random,
    ) -> None:
        self._fleet = fleet
        self._env = env
        self._replica = replica
        self._startup = startup or Startup()
        self._turns = fleet.turns
        self.source: Endpoint | None = None
        self._limit = self._startup.limit
        self.broken = False
        self._random = random
        self._strategy: Strategy = Timeout(seconds=self._startup.timeout).bind(call_once, Scope(random=random))
        self._delays: Iterator[float] = iter(())
        self._answers = 0
        self._held = False
        self._starting = False
        self._timer: Timer | None = None
        self._run: Run | None = None

    def stop(self, *, held: bool) -> None:
        self._held = held
        self._starting = False
        self._turns.leave(self._begin)
        self._fleet.under_way.discard(self)
        if self._replica.unfit is BROKEN:
            self._replica.unfit = None
        if self._timer is not None:
            self._timer.cancel()
        if self._run is not None:
            self._run.cut_off()
        if self._replica.up:
            self._replica.stop()

    def crash(self, restart: float) -> None:
        if self._replica.up:
            self.stop(held=False)
            self._later(restart, self.start)

    def start(self) -> None:
        self._held = False
        if self._starting or self._replica.up:
            return
        self._starting = True
        self.broken = False
        self._delays = self._startup.backoff.delays(self._random)
        self._turns.wait(self._begin)

    def _begin(self) -> None:
        self._answers = 0
        under_way = self._fleet.under_way
        under_way.add(self)
        if self._limit is not None and len(under_way) > self._limit:
            for process in under_way:
                process.broken = True
        if self._startup.seconds:
            self._later(self._startup.seconds, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if self.source is None:
            self._ready()
            return
        run = self._run = Run(self._env, self._strategy(self._env.now, PLAIN), self.source, self._answered)
        run.start()

    def _answered(self, _now: float, outcome: Outcome) -> None:
        self._run = None
        if not outcome.ok:
            self._later(next(self._delays), lambda: self._turns.wait(self._begin))
            return
        self._answers += 1
        if self._answers < self._startup.requests:
            self._later(0.0, self._ask)
        else:
            self._ready()

    def _ready(self) -> None:
        self._starting = False
        self._fleet.under_way.discard(self)
        self._replica.start()
        if self.broken:
            self._replica.unfit = BROKEN
        for hear in self._fleet.started:
            hear(self._replica)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer = Timer(self._env, seconds, lambda _event: action())
