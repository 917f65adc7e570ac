"""The simulated world: builds services, paths and callers from a scenario, and plays it from beginning to end."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from stormlab.drivers.sim import Timer
from stormlab.effects import Strategy, call_once
from stormlab.policies import Pool, Scope, compose
from stormlab.scenario.arrivals import arrival_times, load_factor
from stormlab.scenario.disturbances import Capacity
from stormlab.scenario.model import Client, Closed, Dependency, Scenario
from stormlab.scenario.model import Service as ServiceDescription
from stormlab.scenario.processes import Record as RecordDescription
from stormlab.scenario.recorder import Recorder
from stormlab.scenario.requests import requests_of
from stormlab.scenario.result import Result, conclude
from stormlab.scenario.streams import stream
from stormlab.sim.autoscaler import Autoscaler
from stormlab.sim.balancing import LoadBalancer, Prober, asking_all
from stormlab.sim.cache import Cache
from stormlab.sim.clients import Caller, ClosedLoop, OpenLoop
from stormlab.sim.clock import Clock
from stormlab.sim.detached import Buffer, optional
from stormlab.sim.guarded import make_replica
from stormlab.sim.incident import Incident
from stormlab.sim.leases import Holders
from stormlab.sim.network import Path
from stormlab.sim.peers import Peers
from stormlab.sim.processes import Processes
from stormlab.sim.record import Record
from stormlab.sim.scatter import scatter
from stormlab.sim.service import Endpoint, Service

Progress = Callable[[float], None]


class World:
    """One run of one scenario with one seed."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.env = Clock()
        self.services = {
            name: Service(
                self.env,
                service,
                stream(seed, "service", name),
                fault_random=stream(seed, "service", name, "faults"),
                make=make_replica,
                most=most_replicas(scenario, name),
            )
            for name, service in scenario.services.items()
        }
        self.pools = {name: self._pool(name, service) for name, service in scenario.services.items()}
        self.records = {name: self._record(name, one.record) for name, one in scenario.services.items() if one.record}
        self.probers: dict[str, Prober] = {}
        self.paths: dict[str, list[Path]] = {name: [] for name in scenario.services}
        self.caches: dict[str, list[Cache]] = {name: [] for name in scenario.services}
        self.processes = {name: self._processes(name, service) for name, service in scenario.services.items()}
        self._connect_services()
        self._check_health()
        self._scale()
        self.holders = {name: self._holders(name) for name, one in scenario.services.items() if one.lease}
        times = {name: arrival_times(scenario, name, seed) for name in scenario.clients}
        self.recorder = Recorder(scenario, {name: len(due) for name, due in times.items()})
        self.callers = {name: self._caller(name, client) for name, client in scenario.clients.items()}
        for name, due in times.items():
            self._start(name, due)
        self._incident = Incident(self)
        self._may_be_out = self._who_may_be_out()
        self._sample(None)

    def run(self, progress: Progress | None = None) -> Result:
        """Play the scenario to its end and judge it; ``progress`` hears the share done, from 0 to 1."""
        began = time.perf_counter()
        duration = self.scenario.run.duration
        with _collector_paused():
            if progress is not None:
                for percent in range(1, 100):
                    self.env.run(until=duration * percent / 100)
                    progress(percent / 100)
            self.env.run(until=duration + Recorder.DRAIN)
        took = time.perf_counter() - began
        attempts = sum(sum(log.attempts) for log in self.recorder.clients.values())
        facts = {"engine": "simpy", "wall_seconds": round(took, 3), "attempts": attempts}
        return conclude(self.recorder, world="sim", seed=self.seed, facts=facts)

    def _connect_services(self) -> None:
        for name, service in self.scenario.services.items():
            calls = [self._downstream(name, index, call) for index, call in enumerate(service.calls)]
            for replica in self.services[name].replicas:
                replica.connect(calls)
            if service.startup is not None and service.startup.source is not None:
                self.processes[name].connect(self.route(service.startup.source, 0.0, f"{name} startup"))

    def _downstream(self, name: str, index: int, call: Dependency) -> tuple[Strategy, Endpoint]:
        edge = f"{name}→{call.target}"
        scope = Scope(random=stream(self.seed, "service", name, "calls", str(index)), edge=edge)
        strategy: Strategy = compose(call.policies, scope)
        send: Endpoint = self.route(call.target, call.latency, edge)
        if call.fan_out > 1:
            strategy, send = call_once, scatter(self.env, strategy, send, call.fan_out)
        if call.cache is not None:
            random = stream(self.seed, "service", name, "cache", str(index))
            cache = Cache(self.env, call.cache, strategy, send, random)
            self.caches[name].append(cache)
            strategy, send = call_once, cache.send
        if call.optional:
            strategy, send = call_once, optional(self.env, strategy, send)
        if call.buffer is not None:
            strategy, send = call_once, Buffer(self.env, call.buffer, strategy, send).send
        return strategy, send

    def _processes(self, name: str, service: ServiceDescription) -> Processes:
        random, replicas = stream(self.seed, "service", name, "startup"), self.services[name].replicas
        processes = Processes(self.env, service, replicas, random)
        self.services[name].crash = processes.crash
        if service.peers is not None:
            peers = Peers(self.env, service.peers, replicas, stream(self.seed, "service", name, "peers"))
            processes.started.append(peers.started)
            processes.left = peers.left
        return processes

    def _holders(self, name: str) -> Holders:
        lease = self.scenario.services[name].lease
        assert lease is not None
        endpoint = self.route(lease.source, 0.0, f"{name} lease")
        random = stream(self.seed, "service", name, "lease")
        return Holders(self.env, lease, self.services[name].replicas, endpoint, random)

    def _caller(self, name: str, client: Client) -> Caller:
        send = self.route(client.target, client.latency, name)
        random = stream(self.seed, "client", name, "edge")
        caller = Caller(self.env, self.strategy(name, client), send, self.recorder.clients[name], random)
        caller.make = requests_of(name, client, stream(self.seed, "client", name, "keys"))
        return caller

    def strategy(self, name: str, client: Client) -> Strategy:
        """The policies of one client with fresh state."""
        return compose(client.policies, Scope(random=stream(self.seed, "client", name, "policies"), edge=name))

    def route(self, target: str, latency: float, edge: str) -> Endpoint:
        """The way from a caller to a service: through its load balancer, when there is something to balance."""
        service, random = self.services[target], stream(self.seed, "path", edge, target)
        guard = self.processes[target].guard
        endpoints = [guard(replica, service.endpoint(index)) for index, replica in enumerate(service.replicas)]
        routes = [self._path(target, endpoint, latency, random) for endpoint in endpoints]
        pool = self.pools[target]
        send = routes[0] if pool is None else LoadBalancer(self.env, pool, routes).send
        return self.records[target].guard(send) if target in self.records else send

    def _path(self, target: str, endpoint: Endpoint, latency: float, random: Random) -> Endpoint:
        path = Path(self.env, endpoint, latency, random)
        self.paths[target].append(path)
        return path.send

    def _pool(self, name: str, service: ServiceDescription) -> Pool | None:
        if most_replicas(self.scenario, name) == 1 and service.outlier is None and service.health is None:
            return None
        pool = Pool(
            most_replicas(self.scenario, name),
            random=stream(self.seed, "service", name, "balancing"),
            balancing=service.balancing,
            outlier=service.outlier,
            health=service.health,
            panic=service.panic,
            name=name,
            listener=lambda event: self.recorder.services[name].hears(event),
        )
        pool.resize(service.replicas)
        return pool

    def _record(self, name: str, description: RecordDescription) -> Record:
        return Record(self.env, description, stream(self.seed, "service", name, "record"))

    def resize(self, name: str, replicas: int) -> None:
        """From now on service ``name`` has so many replicas; those that are added start as any does."""
        service, pool = self.services[name], self.pools[name]
        present, service.present = service.present, replicas
        if pool is not None:
            pool.resize(replicas)
        for replica in service.replicas[present:replicas]:
            self.processes[name].start(replica)
        for replica in service.replicas[replicas:present]:
            self.processes[name].remove(replica)

    def _check_health(self) -> None:
        for name, service in self.scenario.services.items():
            pool, health = self.pools[name], service.health
            if pool is None or health is None:
                continue
            random = stream(self.seed, "service", name, "health")
            checks: list[Endpoint] = [replica.check for replica in self.services[name].replicas]
            if health.depth == "deep":
                below = [
                    (call_once, self.route(call.target, call.latency, f"{name}→{call.target}/health"))
                    for call in service.calls
                ]
                checks = [asking_all(self.env, check, below) for check in checks]
            routes = [self._path(name, check, 0.0, random) for check in checks]
            prober = Prober(self.env, pool, health, routes, stream(self.seed, "service", name, "misjudge"))
            if service.checkers is not None:
                prober.work_for(self.route(service.checkers.source, 0.0, f"{name} checks"), service.checkers.change)
            self.probers[name] = prober

    def _scale(self) -> None:
        for name, service in self.scenario.services.items():
            if service.autoscale is not None:
                Autoscaler(self.env, service, self.services[name], self.processes[name], self.pools[name])

    def _start(self, name: str, due: Any) -> None:
        caller, client = self.callers[name], self.scenario.clients[name]
        if not isinstance(client.arrivals, Closed):
            OpenLoop(caller, due)
            return
        users, think = client.arrivals.users, client.arrivals.think_time

        def population(now: float) -> int:
            return round(users * load_factor(self.scenario, name, now))

        sampler = think.sampler(stream(self.seed, "client", name, "think"))
        ClosedLoop(caller, population, sampler, self.scenario.run.duration)

    def _who_may_be_out(self) -> set[str]:
        """The services of which a replica may be out of service; counting them every second takes its time."""
        hit = {one.target for one in (*self.scenario.faults, *self.scenario.interventions)}
        return hit | {name for name, service in self.scenario.services.items() if service.may_be_unfit}

    def _sample(self, _event: Any) -> None:
        """At the end of every second, write down how the services are."""
        bin_ = round(self.env.now) - 1
        for name, service in self.services.items():
            counts = service.counts
            self.recorder.services[name].sample(
                bin_,
                queue=service.queue,
                busy=service.busy,
                capacity=service.capacity,
                counts=(counts.completions, counts.rejected, counts.wasted),
            )
            in_service = service.in_service if name in self._may_be_out else 1.0
            self.recorder.services[name].sample_more(bin_, arrivals=counts.arrivals, in_service=in_service)
            if service.description.autoscale is not None:
                self.recorder.services[name].sample_size(bin_, replicas=service.present)
            if caches := self.caches[name]:
                hits, lookups = sum(cache.hits for cache in caches), sum(cache.lookups for cache in caches)
                self.recorder.services[name].sample_caches(bin_, hits=hits, lookups=lookups)
        if bin_ + 1 < self.recorder.bins:
            Timer(self.env, 1.0, self._sample)


def most_replicas(scenario: Scenario, name: str) -> int:
    """How many replicas the service ever has."""
    everything = (*scenario.faults, *scenario.interventions)
    added = [one.replicas or 1 for one in everything if isinstance(one, Capacity) and one.target == name]
    rules = scenario.services[name].autoscale
    return max(scenario.services[name].replicas, *added, rules.most if rules else 1)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """A run makes millions of short-lived objects and no cycles: looking for some costs a quarter of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run(scenario: Scenario, *, seed: int | None = None, progress: Progress | None = None) -> Result:
    """Simulate ``scenario`` once.

    Args:
        seed: the master seed; the scenario's own when ``None``.
        progress: hears the share of scenario time that is done, from 0 to 1.
    """
    return World(scenario, scenario.run.seed if seed is None else seed).run(progress)
