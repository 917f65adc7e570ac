"""The load balancer in front of the replicas of a service, and its health checks, in the simulated world.

The decisions are those of :class:`stormlab.policies.Pool`, which the load generator of the live world uses as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, Request, Strategy, call_once
from stormlab.outcome import Outcome
from stormlab.policies import HealthCheck, Pool, Scope, Timeout, compose
from stormlab.sim.service import Endpoint, Reply


class LoadBalancer:
    """Sends each request down one of ``routes``, one for each replica of ``pool``."""

    def __init__(self, env: simpy.Environment, pool: Pool, routes: Sequence[Endpoint]) -> None:
        self._env = env
        self._pool = pool
        self._routes = routes

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        now, pool = self._env.now, self._pool
        permit = pool.admit(now, request)
        if permit is None:
            return pool.refusal(now)

        def answered(outcome: Outcome) -> None:
            pool.settle(self._env.now, permit, outcome)
            reply(outcome)

        outcome = self._routes[permit.replica](request, answered)
        if outcome is not None:
            pool.settle(now, permit, outcome)
        return outcome


class Prober:
    """Asks every replica of ``pool`` along ``routes``, spread over the interval, and tells the pool.

    ``misjudged`` are the replicas that look ill though they are well, each with its probability.
    """

    def __init__(
        self,
        env: simpy.Environment,
        pool: Pool,
        health: HealthCheck,
        routes: Sequence[Endpoint],
        random: Random,
    ) -> None:
        self._env = env
        self._pool = pool
        self._health = health
        self._random = random
        self._checkers: Endpoint | None = None
        self._change = PLAIN
        self.misjudged: Mapping[int, float] = {}
        self._strategy: Strategy = compose([Timeout(seconds=health.timeout)], Scope(random=Random(0)))
        for replica, route in enumerate(routes):
            self._later(health.interval * (replica + 1) / len(routes), replica, route)

    def work_for(self, checkers: Endpoint, change: float) -> None:
        """From now on checks are requests to ``checkers``, and changes ``change`` times the work of one."""
        self._checkers = checkers
        self._change = PLAIN._replace(effort=change)

    def _later(self, seconds: float, replica: int, route: Endpoint) -> None:
        Timer(self._env, seconds, lambda _event: self._ask(replica, route))

    def _ask(self, replica: int, route: Endpoint) -> None:
        def answered(now: float, outcome: Outcome) -> None:
            misjudged = self._random.random() < self.misjudged.get(replica, 0.0)
            before = self._pool.unhealthy
            self._pool.probed(now, replica, ok=outcome.ok and not misjudged)
            if self._checkers is not None and self._change.effort and self._pool.unhealthy != before:
                Run(self._env, call_once(now, self._change), self._checkers, _unheard).start()

        self._later(self._health.interval, replica, route)
        check = route if self._checkers is None else one_after_the_other(self._env, self._checkers, route)
        Run(self._env, self._strategy(self._env.now, PLAIN), check, answered).start()


def _unheard(_now: float, _outcome: Outcome) -> None:
    """Nobody waits for a change to have been worked off."""


def one_after_the_other(env: simpy.Environment, first: Endpoint, second: Endpoint) -> Endpoint:
    """Ask ``second`` once ``first`` has answered well."""

    def send(request: Request, reply: Reply) -> Outcome | None:
        def then(now: float, outcome: Outcome) -> None:
            if outcome.ok:
                Run(env, call_once(now, request), second, lambda _now, outcome: reply(outcome)).start()
            else:
                reply(outcome)

        Run(env, call_once(env.now, request), first, then).start()
        return None

    return send


def asking_all(env: simpy.Environment, own: Endpoint, dependencies: Sequence[tuple[Strategy, Endpoint]]) -> Endpoint:
    """A deep health check: ``own`` is well and so is every dependency, each asked by a request of its own."""

    def check(request: Request, reply: Reply) -> Outcome | None:
        outcome = own(request, reply)
        if outcome is None or not outcome.ok or not dependencies:
            return outcome
        left = list(dependencies)

        def ask_next(_now: float, outcome: Outcome) -> None:
            if not outcome.ok or not left:
                reply(outcome)
                return
            strategy, endpoint = left.pop()
            Run(env, strategy(env.now, request), endpoint, ask_next).start()

        ask_next(env.now, outcome)
        return None

    return check
