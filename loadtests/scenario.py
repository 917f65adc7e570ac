"""The Locust file behind `stormlab run --live`: one user class per client of the scenario, with its policies.

Open-loop clients start a greenlet for every precomputed arrival, whatever became of the earlier ones; latency counts
from the intended start. What happened is written down request by request for the runner to judge.
"""

from __future__ import annotations

import gc
import json
import os
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import numpy as np
from gevent.pool import Pool as Greenlets
from locust import User, task

from loadtests.answers import BROKEN, exchange, headers_of
from loadtests.connections import Connections
from loadtests.metrics import LoadMetrics, serve
from stormlab.drivers.green import interpret
from stormlab.effects import PLAIN, Request, Strategy
from stormlab.events import ignore
from stormlab.live import plan as plans
from stormlab.outcome import Ending, Outcome
from stormlab.policies import HealthCheck, Pool, Scope, compose
from stormlab.scenario.arrivals import arrival_times, load_factor
from stormlab.scenario.disturbances import Block, Change
from stormlab.scenario.external import address
from stormlab.scenario.model import Client, Closed, Scenario
from stormlab.scenario.recorder import ServiceLog
from stormlab.scenario.requests import requests_of
from stormlab.scenario.streams import stream

#: Requests one client may have under way; more are dropped, which makes the run void.
MOST_UNDER_WAY = 20_000

#: Where a service says how it is; 429 is a warning and no failure.
HEALTH_PATHS = {"shallow": "/readyz", "deep": "/healthz/deep"}
HEALTHY = (200, 429)

PLAN = plans.read(os.environ[plans.ENVIRONMENT])
SCENARIO = PLAN.scenario()
#: Somebody watches, or nothing is counted but what the results need.
METRICS = LoadMetrics() if PLAN.metrics else None


class Journal:
    """What one client did, as compact arrays."""

    def __init__(self) -> None:
        self.intended, self.sent, self.ended, self.tries = (array("d") for _ in range(4))
        self.ending, self.attempts = array("q"), array("q")
        self.under_way = 0
        self.dropped = 0

    def rows(self) -> plans.Rows:
        return plans.Rows(
            intended=np.array(self.intended),
            sent=np.array(self.sent),
            ended=np.array(self.ended),
            tries=np.array(self.tries),
            ending=np.array(self.ending, dtype=np.int64),
            attempts=np.array(self.attempts, dtype=np.int64),
            unfinished=self.under_way,
            dropped=self.dropped,
        )


class Callee:
    """A service behind the load balancer that all its callers share; ``clock`` is the scenario's, in s."""

    def __init__(self, name: str, urls: Sequence[str], path: str) -> None:
        description = SCENARIO.services[name]
        self.health = description.health
        self._replicas = [Connections(url) for url in urls]
        self._path, self._moves = path, PLAN.moves(name)
        self._log = ServiceLog()
        self._pool = Pool(
            len(urls),
            random=stream(PLAN.seed, "service", name, "balancing"),
            balancing=description.balancing,
            outlier=description.outlier,
            health=description.health,
            panic=description.panic,
            name=name,
            listener=self._log.hears,
        )

    def write(self) -> None:
        """Leave for the runner who was out of rotation, and when."""
        self._moves.write_text(json.dumps(self._log.moves), encoding="utf-8")

    def attempt(self, request: Request, clock: Callable[[], float]) -> Outcome:
        now, pool = clock(), self._pool
        permit = pool.admit(now, request)
        if permit is None:
            return pool.refusal(now)
        try:
            outcome = exchange(self._replicas[permit.replica], "GET", self._path, headers_of(request, now))
        except BaseException:
            pool.expire(clock())
            pool.ignore(permit)
            raise
        pool.settle(clock(), permit, outcome)
        return outcome

    def keep_checking(self, health: HealthCheck, clock: Callable[[], float]) -> None:
        """Ask every replica again and again until the end of the run, spread over the interval."""
        for replica in range(len(self._replicas)):
            first = health.interval * (replica + 1) / len(self._replicas)
            gevent.spawn(self._check, replica, first, health, clock)

    def _check(self, replica: int, due: float, health: HealthCheck, clock: Callable[[], float]) -> None:
        while due < SCENARIO.run.duration:
            gevent.sleep(max(0.0, due - clock()))
            ok = self._is_well(replica, HEALTH_PATHS[health.depth], health.timeout)
            self._pool.probed(clock(), replica, ok=ok)
            due += health.interval

    def _is_well(self, replica: int, path: str, seconds: float) -> bool:
        limit = gevent.Timeout.start_new(seconds)
        try:
            return self._replicas[replica].get(path).status in HEALTHY
        except gevent.Timeout as expired:
            if expired is not limit:
                raise
            return False
        except BROKEN:
            return False
        finally:
            limit.close()


class ScenarioUser(User):
    """One client of the scenario."""

    abstract = True
    fixed_count = 1
    client_name: str

    def on_start(self) -> None:
        self.client: Client = SCENARIO.clients[self.client_name]
        self.journal = Journal()
        self.callee = CALLEES[self.client.target]
        self.random = stream(PLAN.seed, "client", self.client_name, "edge")
        self.scenario = SCENARIO
        self.strategy = self._strategy(SCENARIO)
        self.attempt: Callable[[Request], Outcome] = lambda request: self.callee.attempt(request, self.now)
        if METRICS is not None:
            METRICS.watch(self.client_name, self.journal, self.client.policies)
            self.attempt = METRICS.metered(self.client_name, self.attempt, self.now)
        self.make = requests_of(self.client_name, self.client, stream(PLAN.seed, "client", self.client_name, "keys"))
        self.times = arrival_times(SCENARIO, self.client_name, PLAN.seed)

    @task
    def play(self) -> None:
        self.epoch = PLAYERS.wait_for_start()
        changes = [gevent.spawn(self._change, change) for change in _of_kind(SCENARIO, Change)]
        pool = Greenlets(MOST_UNDER_WAY)
        if isinstance(self.client.arrivals, Closed):
            self._closed_loop(pool, self.client.arrivals)
        else:
            self._open_loop(pool)
        pool.join(timeout=max(0.0, SCENARIO.run.duration + PLAN.grace - self.now()))
        gevent.killall(changes)
        self.journal.rows().write(PLAN.rows(self.client_name))
        PLAYERS.finished(self)

    def now(self) -> float:
        """Scenario time in s."""
        return time.monotonic() - self.epoch

    def _open_loop(self, pool: Greenlets) -> None:
        for intended in self.times.tolist():
            self._sleep_until(intended)
            if pool.free_count() < 1:
                self.journal.dropped += 1
                continue
            pool.spawn(self._request, intended)

    def _closed_loop(self, pool: Greenlets, closed: Closed) -> None:
        think = closed.think_time.sampler(stream(PLAN.seed, "client", self.client_name, "think"))
        present: set[int] = set()

        def population() -> int:
            return round(closed.users * load_factor(SCENARIO, self.client_name, self.now()))

        def live(user: int) -> None:
            while True:
                gevent.sleep(think())
                now = self.now()
                if now >= SCENARIO.run.duration or user >= population():
                    present.discard(user)
                    return
                self._request(now)

        second = 0.0
        while second < SCENARIO.run.duration:
            for user in range(population()):
                if user not in present:
                    present.add(user)
                    pool.spawn(live, user)
            second += 1.0
            self._sleep_until(min(second, SCENARIO.run.duration))

    def _from_afar(self, request: Request) -> Outcome:
        """One attempt, with the way there and back that the client has."""
        half = self.client.latency / 2
        if not half:
            return self.attempt(request)
        gevent.sleep(half)
        outcome = self.attempt(request)
        gevent.sleep(half)
        return outcome

    def _request(self, intended: float) -> None:
        journal, sent = self.journal, self.now()
        journal.under_way += 1
        tries = 0

        def operation(request: Request) -> Outcome:
            nonlocal tries
            tries += 1
            journal.tries.append(self.now())
            return self._from_afar(request)

        if self._blocked(sent):
            outcome = Outcome(Ending.REFUSED, None, "blocked")
        else:
            outcome = interpret(self.strategy(sent, PLAIN if self.make is None else self.make()), operation, self.now)
        ended = self.now()
        journal.under_way -= 1
        journal.intended.append(intended)
        journal.sent.append(sent)
        journal.ended.append(ended)
        journal.ending.append(plans.ENDINGS.index(outcome.ending))
        journal.attempts.append(tries)
        if METRICS is not None:
            METRICS.edges.request_ended(self.client_name, outcome)
        self._tell_locust(outcome, ended - intended)

    def _tell_locust(self, outcome: Outcome, seconds: float) -> None:
        self.environment.events.request.fire(
            request_type="GET",
            name=self.client_name,
            response_time=seconds * 1000,
            response_length=0,
            exception=None if outcome.ok else RuntimeError(outcome.reason or outcome.ending.value),
            context={},
        )

    def _blocked(self, now: float) -> bool:
        shares = [
            block.share_at(now)
            for block in _of_kind(SCENARIO, Block)
            if block.target == self.client_name and block.at <= now < block.until
        ]
        return bool(shares) and self.random.random() < max(shares)

    def _strategy(self, scenario: Scenario) -> Strategy:
        random = stream(PLAN.seed, "client", self.client_name, "policies")
        listener = ignore if METRICS is None else METRICS.edges
        scope = Scope(random=random, edge=self.client_name, listener=listener)
        return compose(scenario.clients[self.client_name].policies, scope)

    def _change(self, change: Change) -> None:
        """Swap the policies when the scenario's clock says so, and back again."""
        for moment in (change.at, change.until):
            if moment >= SCENARIO.run.duration:
                return
            self._sleep_until(moment)
            self._reconfigure()

    def _reconfigure(self) -> None:
        effective, now = SCENARIO, self.now()
        for change in _of_kind(SCENARIO, Change):
            if change.at <= now < change.until:
                effective = effective.changed(change)
        if effective.clients[self.client_name].policies != self.scenario.clients[self.client_name].policies:
            self.strategy = self._strategy(effective)
        self.scenario = effective

    def _sleep_until(self, moment: float) -> None:
        left = moment - self.now()
        if left > 0:
            gevent.sleep(left)


def _of_kind(scenario: Scenario, kind: type[Any]) -> list[Any]:
    return [one for one in (*scenario.faults, *scenario.interventions) if isinstance(one, kind)]


def _settle_memory() -> None:
    """Collect garbage now, keep the survivors out of it, and make full collections rare: each would hold up every
    request that is due meanwhile, for up to half a second."""
    gc.collect()
    gc.freeze()
    young, middle, _full = gc.get_threshold()
    gc.set_threshold(young, middle, 1000)


class Players:
    """Lets all clients start at one moment, and ends Locust when the last has finished."""

    def __init__(self, count: int) -> None:
        self._waiting = count
        self._playing = count
        self._checking = False

    def wait_for_start(self) -> float:
        self._waiting -= 1
        if self._waiting == 0:
            _settle_memory()
            plans.announce(PLAN.ready, str(os.getpid()))
        while not PLAN.go.exists():
            gevent.sleep(0.02)
        epoch = float(PLAN.go.read_text(encoding="utf-8"))
        gevent.sleep(max(0.0, epoch - time.monotonic()))
        self._check_health(epoch)
        return epoch

    def _check_health(self, epoch: float) -> None:
        if not self._checking:
            self._checking = True
            for callee in CALLEES.values():
                if callee.health is not None:
                    callee.keep_checking(callee.health, lambda: time.monotonic() - epoch)

    def finished(self, user: User) -> None:
        self._playing -= 1
        if self._playing == 0:
            for callee in CALLEES.values():
                callee.write()
            gevent.spawn(user.environment.runner.quit)
        gevent.sleep(3600)


def _path_at(url: str | None) -> str:
    """What is asked for: a value of the key-value service, or what the address of another service says."""
    return "/v1/stormlab" if url is None else address(url).path


PLAYERS = Players(len(SCENARIO.clients))
SCRAPED = None if METRICS is None else serve(METRICS, PLAN.metrics)
CALLEES = {
    target: Callee(target, PLAN.targets[target], _path_at(SCENARIO.services[target].url))
    for target in {client.target for client in SCENARIO.clients.values()}
}

USERS: list[Callable[..., Any]] = [
    type(f"Client_{name.replace('-', '_')}", (ScenarioUser,), {"client_name": name}) for name in SCENARIO.clients
]
globals().update({user.__name__: user for user in USERS})
