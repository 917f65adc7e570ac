"""The retry storm as a plain SimPy model, written in the obvious way: what the worlds of stormlab are measured against.

A process per request and one per attempt, ``env.timeout`` for every wait, ``AnyOf`` for the time limit, a ``Resource``
for the workers. It keeps no records but four counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import simpy

from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.model import Scenario
from stormlab.scenario.recorder import Recorder


@dataclass(slots=True)
class Counts:
    """What happened, over all requests."""

    attempts: int = 0
    succeeded: int = 0
    failed: int = 0
    served: int = 0


class Storm:
    """One service, one open client with retries, full jitter and a time limit per attempt."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        service, client = scenario.services["kv"], scenario.clients["web"]
        retry, limit = client.policies
        self.env = simpy.Environment()
        self.random = Random(seed)
        self.counts = Counts()
        self.mean = service.service_time.mean
        self.queue_limit = service.queue.limit
        self.workers = simpy.Resource(self.env, service.workers)
        self.timeout: float = limit.seconds  # type: ignore[union-attr]
        self.retries: int = retry.max_retries  # type: ignore[union-attr]
        self.base: float = retry.backoff.base  # type: ignore[union-attr]
        self.cap: float = retry.backoff.cap  # type: ignore[union-attr]
        self.env.process(self.arrivals(arrival_times(scenario, "web", seed).tolist()))
        self.end = scenario.run.duration + Recorder.DRAIN

    def run(self) -> Counts:
        self.env.run(until=self.end)
        return self.counts

    def arrivals(self, times: list[float]) -> Any:
        for time in times:
            yield self.env.timeout(time - self.env.now)
            self.env.process(self.request())

    def request(self) -> Any:
        for attempt in range(self.retries + 1):
            self.counts.attempts += 1
            if len(self.workers.queue) < self.queue_limit:
                answer = self.env.process(self.serve())
                patience = self.env.timeout(self.timeout)
                yield answer | patience
                if answer.processed:
                    self.counts.succeeded += 1
                    return
            if attempt < self.retries:
                yield self.env.timeout(self.random.random() * min(self.cap, self.base * 2**attempt))
        self.counts.failed += 1

    def serve(self) -> Any:
        with self.workers.request() as turn:
            yield turn
            yield self.env.timeout(self.random.expovariate(1 / self.mean))
            self.counts.served += 1


def storm(scenario: Scenario, seed: int) -> Counts:
    return Storm(scenario, seed).run()
