"""Synthetic runs: a recorder filled by hand, so that the report is tested without any world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stormlab.outcome import Ending
from stormlab.scenario.loader import load
from stormlab.scenario.model import Scenario
from stormlab.scenario.recorder import Recorder
from stormlab.scenario.result import Result, conclude

Make = Callable[..., Result]

#: The clock of these runs, whatever the shipped scenario's is: 80 s, with a spike from 15 to 25 s.
CLOCK = ["run.duration=80", "run.warmup=5", "faults.spike.at=15", "faults.spike.for=10"]


def storm_scenario(variant: str) -> Scenario:
    return load("retry-storm", variant=variant, overrides=CLOCK)


def synthetic(
    *,
    storm: bool,
    scenario: Scenario | None = None,
    world: str = "sim",
    seed: int = 1,
    noise: float = 3.0,
    **extra: Any,
) -> Result:
    """A run of the retry storm as it might have been: it ends up down (``storm``) or recovers after 5 s."""
    scenario = scenario or storm_scenario("naive" if storm else "budget")
    recorder = Recorder(scenario)
    draw = np.random.default_rng([seed, len(world)])
    client = next(iter(recorder.clients.values()))
    sad_until = recorder.bins if storm else min(recorder.bins, 30)
    spike = range(15, 25) if scenario.faults else range(0)
    for t in range(recorder.bins):
        sad = bool(scenario.faults) and 17 <= t < sad_until
        offered = int((180 if t in spike else 60) + draw.normal(0, noise))
        ok = int(draw.integers(0, 2)) if sad else min(offered, 100)
        client.offered[t] = offered
        client.attempts[t] = offered * 4 - 2 if sad else offered
        client.goodput[t] = client.succeeded[t] = ok
        client.failed[Ending.TIMEOUT][t] = offered - ok
        client.latencies[t] = list(draw.uniform(0.02, 4.0 if sad else 0.4, ok))
        for log in recorder.services.values():
            counts = (100.0 * t, 0.0, 90.0 * t if sad else 0.0)
            log.sample(t, queue=250.0 if sad else 2.0, busy=10.0 if sad else 6.0, capacity=100.0, counts=counts)
    return conclude(recorder, world=world, seed=seed, **extra)


@pytest.fixture(scope="session")
def make() -> Make:
    return synthetic


@pytest.fixture(scope="session")
def storm() -> Result:
    return synthetic(storm=True)


@pytest.fixture(scope="session")
def recovered() -> Result:
    return synthetic(storm=False)


@pytest.fixture(scope="session")
def both_worlds() -> list[Result]:
    return [synthetic(storm=True), synthetic(storm=True, world="live")]


@pytest.fixture(scope="session")
def quiet() -> Result:
    """A run in which nothing went wrong, of a scenario without faults."""
    scenario = storm_scenario("naive").model_copy(update={"faults": (), "expect": ()})
    return synthetic(storm=False, scenario=scenario)
