"""What happens to the simulated world: its faults and interventions, begun and ended on schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stormlab.drivers.sim import Timer
from stormlab.policies import Scope
from stormlab.scenario.disturbances import (
    Block,
    Capacity,
    Change,
    Disturbance,
    Down,
    Flush,
    Invalidate,
    Isolate,
    Misjudge,
    Pause,
    Poison,
    Purge,
    Repair,
    RequestDelay,
    RequestErrors,
    Restart,
    Stall,
    Stop,
    Toxic,
)
from stormlab.scenario.streams import stream
from stormlab.sim.cache import Replacement
from stormlab.sim.operators import Operators
from stormlab.sim.service import Replica

if TYPE_CHECKING:
    from stormlab.sim.world import World


class Incident:
    """Every fault and intervention of the scenario of ``world``, and which of them are active now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._env = world.env
        self._seed = world.seed
        self._scenario = self._effective = world.scenario
        self._active: list[Disturbance] = []
        self._flush_random = stream(world.seed, "flush")
        self._isolation_random = stream(world.seed, "isolation")
        self._isolated: dict[int, list[Replica]] = {}
        self._operators: dict[int, Operators] = {}
        self._frozen_since: dict[str, float] = {}
        for disturbance in (*world.scenario.faults, *world.scenario.interventions):
            Timer(world.env, disturbance.at, self._setter(disturbance))

    def _setter(self, disturbance: Disturbance) -> Callable[[Any], None]:
        def begin(_event: Any) -> None:
            if disturbance.lasting is not None:
                Timer(self._env, disturbance.lasting, end)
            if disturbance.through is None:
                take_effect()
                return
            through = disturbance.through
            scope = Scope(random=stream(self._seed, "operators"), edge="operators")
            endpoint = self._world.route(through.service, 0.0, "operators")
            self._operators[id(disturbance)] = Operators(self._env, through, endpoint, scope, take_effect)

        def take_effect() -> None:
            self._active.append(disturbance)
            self._apply(disturbance)

        def end(_event: Any) -> None:
            if id(disturbance) in self._operators:
                self._operators[id(disturbance)].give_up()
            if disturbance in self._active:
                self._active.remove(disturbance)
                self._apply(disturbance)

        return begin

    def _apply(self, changed: Disturbance) -> None:
        """Bring the part of the world that ``changed`` is about in line with everything that is active now."""
        match changed:
            case Capacity():
                self._resize(changed.target)
            case RequestErrors() | RequestDelay() | Poison():
                kinds = RequestErrors | RequestDelay | Poison
                faults = [d for d in self._on(changed.target) if isinstance(d, kinds)]
                self._world.services[changed.target].faults = faults
            case Stop() | Pause():
                self._halt(changed)
            case Toxic() | Down():
                toxics: Any = [d for d in self._on(changed.target) if isinstance(d, Toxic | Down)]
                for path in self._world.paths[changed.target]:
                    path.toxics = toxics
            case Block():
                blocks = [d for d in self._on(changed.target) if isinstance(d, Block)]
                for blocked in (self._world.callers.get(changed.target), self._world.holders.get(changed.target)):
                    if blocked is not None:
                        blocked.blocks = blocks
            case Invalidate():
                invalid = any(isinstance(d, Invalidate) for d in self._on(changed.target))
                for cache in self._world.caches[changed.target]:
                    cache.invalidate(invalid=invalid)
            case Purge():
                for replica in self._world.services[changed.target].replicas:
                    replica.purge(changed.keep, answer=changed.answer)
            case Restart():
                self._restart(changed)
            case Misjudge():
                self._misjudge(changed)
            case Stall() if changed in self._active:
                self._world.records[changed.target].stall(changed.lasting)
            case Repair():
                self._world.records[changed.target].repair()
            case Isolate():
                self._isolate(changed)
            case Flush():
                self._flush(changed)
            case Change():
                self._reconfigure()

    def _on(self, target: str) -> list[Disturbance]:
        return [disturbance for disturbance in self._active if disturbance.target == target]

    def _flush(self, changed: Flush) -> None:
        """Empty a share of the caches at once, or begin to; there is nothing to undo."""
        caches = self._world.caches[changed.target]
        if changed not in self._active:
            return
        if changed.lasting is not None:
            Replacement(self._env, caches, changed.share, changed.lasting, self._flush_random)
            return
        for cache in caches:
            cache.flush(changed.share, self._flush_random)

    def _resize(self, name: str) -> None:
        service = self._effective.services[name]
        workers, speed, replicas = service.workers, 1.0, service.replicas
        for disturbance in self._on(name):
            if isinstance(disturbance, Capacity):
                workers = disturbance.workers or workers
                replicas = disturbance.replicas or replicas
                speed *= disturbance.speed or 1.0
        for replica in self._world.services[name].replicas:
            replica.resize(workers, speed)
        if service.autoscale is None:
            self._world.resize(name, replicas)

    def _halt(self, changed: Stop | Pause) -> None:
        processes = self._world.processes[changed.target]
        for index, replica in enumerate(self._world.services[changed.target].members):
            halts = [d for d in self._on(changed.target) if isinstance(d, Stop | Pause) and d.replica in (None, index)]
            frozen = any(isinstance(d, Pause) for d in halts)
            if isinstance(changed, Stop):
                stopped = any(isinstance(d, Stop) for d in halts)
                (processes.stop if stopped else processes.start)(replica)
            key = f"{changed.target}/{index}"
            if frozen and not replica.frozen:
                self._frozen_since[key] = self._env.now
                replica.freeze()
            elif not frozen and replica.frozen:
                replica.thaw(self._env.now - self._frozen_since.pop(key))

    def _restart(self, changed: Restart) -> None:
        """End and start all replicas, one after the other, those that are not fit first."""
        processes = self._world.processes[changed.target]
        fleet = sorted(self._world.services[changed.target].members, key=lambda one: one.up and one.unfit is None)

        def next_one(replica: Replica) -> Callable[[Any], None]:
            return lambda _event: processes.restart(replica)

        for turn, replica in enumerate(fleet):
            Timer(self._env, turn / changed.rate, next_one(replica))

    def _misjudge(self, changed: Misjudge) -> None:
        """Let checks of a share of the replicas fail, or no longer."""
        prober, members = self._world.probers[changed.target], len(self._world.services[changed.target].members)
        hit = self._isolation_random.sample(range(members), round(changed.share * members))
        prober.misjudged = dict.fromkeys(hit, changed.probability) if changed in self._active else {}

    def _isolate(self, changed: Isolate) -> None:
        """Cut a share of the replicas off, or connect again those that this disturbance had cut off."""
        if id(changed) not in self._isolated:
            replicas = self._world.services[changed.target].members
            chosen = self._isolation_random.sample(replicas, round(changed.share * len(replicas)))
            self._isolated[id(changed)] = chosen
        else:
            chosen = self._isolated.pop(id(changed))
        active = id(changed) in self._isolated
        for replica in chosen:
            replica.isolated = active
        if changed.target in self._world.holders:
            self._world.holders[changed.target].ask_at_once(chosen)

    def _reconfigure(self) -> None:
        """Apply every active change to the scenario as it was written, in order."""
        before, effective = self._effective, self._scenario
        for disturbance in self._active:
            if isinstance(disturbance, Change):
                effective = effective.changed(disturbance)
        self._effective = effective
        for name, service in effective.services.items():
            if service != before.services[name]:
                self._world.services[name].description = service
                self._world.processes[name].describe(service)
                if service.lease is not None:
                    self._world.holders[name].describe(service.lease)
                if (pool := self._world.pools[name]) is not None and service.panic != before.services[name].panic:
                    pool.believe(service.panic)
                for replica in self._world.services[name].replicas:
                    replica.describe(service)
                self._resize(name)
        for name, client in effective.clients.items():
            if client.policies != before.clients[name].policies:
                self._world.callers[name].strategy = self._world.strategy(name, client)
