"""Plays a scenario in the kernel and hands its counts to a recorder."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from stormlab.errors import BadInput
from stormlab.outcome import Ending
from stormlab.scenario.model import Scenario
from stormlab.scenario.parts import best_concurrency
from stormlab.scenario.recorder import CallSample, Recorder
from stormlab.scenario.result import Result, conclude
from stormlab.sim.fast import kernel, records
from stormlab.sim.fast.fit import misfit
from stormlab.sim.fast.room import World
from stormlab.sim.fast.setup import world_of

_ENDINGS = (Ending.ERROR, Ending.OVERLOADED, Ending.TIMEOUT, Ending.REFUSED, Ending.INVALID, Ending.OK)
_WORDS = tuple(ending.value for ending in _ENDINGS)

#: How often a run comes up for air: to say how far it is, and to hear Ctrl-C.
PAUSES = 20


def run(scenario: Scenario, *, seed: int | None = None, progress: Callable[[float], None] | None = None) -> Result:
    """Play ``scenario`` once in the compiled kernel; arguments as for :func:`stormlab.sim.run`.

    Raises:
        BadInput: the kernel does not know something that the scenario asks for; the message says what.
    """
    reason = misfit(scenario)
    if reason is not None:
        raise BadInput(f"--engine fast cannot play this scenario: {reason}; use --engine simpy")
    chosen = scenario.run.seed if seed is None else seed
    began = time.perf_counter()
    world = play(scenario, chosen, progress=progress)
    took = time.perf_counter() - began
    facts = {
        "engine": "fast",
        "wall_seconds": round(took, 3),
        "attempts": int(world.arrays["counts"][records.ATTEMPTS].sum()),
    }
    return conclude(_recorded(scenario, world), world="sim", seed=chosen, facts=facts)


def play(scenario: Scenario, seed: int, *, progress: Callable[[float], None] | None = None) -> World:
    """The world after its last event; ``progress`` hears the share that has been played."""
    world = world_of(scenario, seed)
    end = world.number("end")
    for share in np.arange(1, PAUSES + 1) / PAUSES:
        world.record["pause"] = share * end
        while kernel.play(world.record) < share * end:
            world.enlarge()
        if progress is not None:
            progress(float(share))
    return world


def _recorded(scenario: Scenario, world: World) -> Recorder:
    """What was counted, as a recorder holds them."""
    recorder = Recorder(scenario)
    ((name, log),) = recorder.clients.items()
    offered, attempts, goodput, succeeded, *failed = world.arrays["counts"].tolist()
    log.offered, log.attempts, log.goodput, log.succeeded = offered, attempts, goodput, succeeded
    log.failed = dict(zip(_ENDINGS[:-1], failed, strict=True))  # type: ignore[assignment]
    kept = world.number("kept")
    ends = np.searchsorted(world.arrays["latency_bins"][:kept], np.arange(1, len(offered)))
    log.latencies = np.split(world.arrays["latencies"][:kept], ends)  # type: ignore[assignment]
    log.calls = [
        CallSample(name, intended, ended, ended - intended, _WORDS[int(ending)], int(attempts))
        for intended, ended, ending, attempts in world.arrays["calls"][: world.number("called")].tolist()
    ]
    (client,) = scenario.clients.values()
    _record_service(scenario, world, recorder, client.target, "front")
    for call in scenario.services[client.target].calls:
        _record_service(scenario, world, recorder, call.target, "back")
        if call.cache is not None:
            for bin_, (hits, lookups) in enumerate(world.arrays["cache.samples"].tolist()):
                recorder.services[client.target].sample_caches(bin_, hits=hits, lookups=lookups)
    return recorder


def _record_service(scenario: Scenario, world: World, recorder: Recorder, name: str, part: str) -> None:
    service, log = scenario.services[name], recorder.services[name]
    conditions, samples = world.arrays[f"{part}.conditions"], world.arrays[f"{part}.samples"]
    edges = world.arrays["regimes"]["at"]
    rows = np.searchsorted(edges, np.arange(1, len(samples) + 1), side="right") - 1
    for bin_, (row, sample) in enumerate(zip(rows.tolist(), samples.tolist(), strict=True)):
        now = conditions[row]
        workers = best_concurrency(service.slowdown, int(now["workers"])) * now["speed"]
        up = 0.0 if now["frozen"] else 1.0  # of the one replica
        queue, busy, *counted, arrived = sample
        log.sample(bin_, queue=queue, busy=busy, capacity=service.capacity_of(up * workers), counts=tuple(counted))
        log.sample_more(bin_, arrivals=arrived, in_service=up)
