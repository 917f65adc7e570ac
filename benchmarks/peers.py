"""The storm and M/M/1 as one would write them in plain SimPy, and M/M/1 in ciw."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import ciw
import simpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Users who think, ask and try again; a service of which the speed drops for a while. Times in s.

    The queue has room for as many attempts as there are users; who finds it full fails at once.
    """

    clients: int
    think: float = 45.0
    service: float = 0.1
    limit: float = 1.0
    retries: int = 3
    base: float = 1.0
    cap: float = 10.0
    slow_at: float = 60.0
    slow_until: float = 90.0
    speed: float = 0.1
    duration: float = 600.0

    @property
    def workers(self) -> int:
        """80 % more than the users need, and far less than what they need when each asks four times."""
        return self.clients // 250


class PlainStorm:
    """One SimPy process per user and per attempt; the service does not learn that a user has left."""

    def __init__(self, storm: Storm, *, seed: int) -> None:
        self.storm, self.random = storm, random.Random(seed)
        self.env = simpy.Environment()
        self.server = simpy.Resource(self.env, capacity=storm.workers)
        self.attempts = self.successes = 0

    def run(self) -> int:
        """Play to the end; answers the number of attempts."""
        for _ in range(self.storm.clients):
            self.env.process(self._user())
        self.env.run(until=self.storm.duration)
        return self.attempts

    def _user(self) -> Generator[Any, Any, None]:
        env, storm, random = self.env, self.storm, self.random
        while True:
            yield env.timeout(random.expovariate(1 / storm.think))
            for retry in range(storm.retries + 1):
                self.attempts += 1
                if len(self.server.queue) < storm.clients:
                    answer = env.event()
                    env.process(self._job(answer))
                    yield answer | env.timeout(storm.limit)
                    if answer.triggered:
                        self.successes += 1
                        break
                if retry < storm.retries:
                    yield env.timeout(random.uniform(0, min(storm.cap, storm.base * 2**retry)))

    def _job(self, answer: simpy.Event) -> Generator[Any, Any, None]:
        env, storm = self.env, self.storm
        with self.server.request() as turn:
            yield turn
            slow = storm.slow_at <= env.now < storm.slow_until
            yield env.timeout(self.random.expovariate(1 / storm.service) / (storm.speed if slow else 1.0))
        answer.succeed()


def plain_mm1(requests: int, *, rate: float, service: float, seed: int) -> float:
    """Mean response time in s of an M/M/1 queue in plain SimPy."""
    env, draws = simpy.Environment(), random.Random(seed)
    server, responses = simpy.Resource(env), []

    def request() -> Generator[Any, Any, None]:
        began = env.now
        with server.request() as turn:
            yield turn
            yield env.timeout(draws.expovariate(1 / service))
        responses.append(env.now - began)

    def arrivals() -> Generator[Any, Any, None]:
        for _ in range(requests):
            yield env.timeout(draws.expovariate(rate))
            env.process(request())

    env.process(arrivals())
    env.run()
    return sum(responses) / len(responses)


def ciw_mm1(requests: int, *, rate: float, service: float, seed: int) -> float:
    """The same in ciw."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(1 / service)],
        number_of_servers=[1],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(requests)
    records = simulation.get_all_records()
    return float(sum(record.exit_date - record.arrival_date for record in records) / len(records))
