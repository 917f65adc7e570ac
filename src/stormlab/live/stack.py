"""The processes of a live run: the chaos proxy, and those of the services, each replica behind a proxy of its own.

A service that asks nobody is played by the key-value service, one process per replica. One that calls others, needs a
lease or has transactions is played by ``services.node``; its replicas share one process where they share something:
a cache, the versions of records, or the sheer number of leases. One with a URL is running already: it gets a proxy.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel, TypeAdapter

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.errors import BadInput
from stormlab.live import checkout, http, ports, programs
from stormlab.live.children import START_LIMIT, Child, stop_all
from stormlab.live.possible import asks_others, together
from stormlab.scenario.external import address
from stormlab.scenario.model import Scenario, Service
from stormlab.scenario.patterns import GuardSpec

#: What the load generator asks for.
VALUE_PATH = "/v1/stormlab"
VALUE = b"sixty-four bytes, which is what a small value usually amounts to."
_GUARDS: TypeAdapter[tuple[GuardSpec, ...]] = TypeAdapter(tuple[GuardSpec, ...])


@dataclass(slots=True)
class Replica:
    """One replica of a service; callers reach it through ``proxied``, probes also directly."""

    service: str
    index: int
    port: int
    proxied: int

    @property
    def name(self) -> str:
        return f"{self.service}-{self.index}"


@dataclass(slots=True)
class Process:
    """One process of a service with its replicas, of which there is one as a rule."""

    service: str
    admin: int
    replicas: list[Replica]
    child: Child | None = None
    start_seconds: float = 1.0

    @property
    def name(self) -> str:
        return self.service if len(self.replicas) > 1 else self.replicas[0].name

    @property
    def port(self) -> int:
        """Where its pages are."""
        return self.replicas[0].port


class Stack:
    """Started by ``with``; at the end of the block every process is gone, whatever happened inside.

    Args:
        proxy: as for :func:`stormlab.live.programs.toxiproxy`, or the URL of a control API that answers already.
        folder: where logs and data go.
    """

    def __init__(self, scenario: Scenario, *, seed: int, proxy: str, folder: Path) -> None:
        self._scenario = scenario
        self._seed = seed
        self._proxy = proxy
        self._folder = folder
        self._root = checkout.root()
        self._children: list[Child] = []
        self.control: ToxiproxyClient
        self.proxy_kind = ""
        numbers = iter(ports.free(1 + 3 * sum(service.replicas for service in scenario.services.values())))
        self._proxy_port = next(numbers)
        self.processes, self._guests = _processes(scenario, numbers)
        self.replicas = [replica for process in self.processes for replica in process.replicas] + self._guests

    def __enter__(self) -> Stack:
        try:
            for guest in self._guests:
                self._look_for(guest)
            self._start_proxy()
            leased = [one for one in self.processes if self._scenario.services[one.service].lease is not None]
            self._bring_up([one for one in self.processes if one not in leased])
            self._bring_up(leased)
            for guest in self._guests:
                self._publish(guest)
        except BaseException:
            self._end()
            raise
        return self

    def _bring_up(self, processes: list[Process]) -> None:
        """Start these; those that need a lease come last, when there is somebody to ask."""
        for process in processes:
            self.start(process)
        for process in processes:
            self._wait(process)
            for replica in process.replicas:
                self._publish(replica)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def of(self, service: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.service == service]

    def processes_of(self, service: str) -> list[Process]:
        return [process for process in self.processes if process.service == service]

    def targets(self) -> dict[str, list[str]]:
        """Where callers reach each service: through the proxy."""
        return {
            name: [f"http://{ports.HOST}:{replica.proxied}" for replica in self.of(name)]
            for name in self._scenario.services
        }

    def spawn(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Child:
        """Start a process that ends with the stack at the latest."""
        child = Child(name, command, log=self._folder / f"{name}.log", cwd=self._root, env=env or {})
        self._children.append(child)
        return child

    def start(self, process: Process) -> None:
        """Start a process, without waiting for it."""
        service = self._scenario.services[process.service]
        program, special = "services.kv", {"TLOG_FILENAME": str(self._folder / f"{process.name}.tlog")}
        if asks_others(service):
            program, special = "services.node", self._errands(process, service)
        settings = self._settings(process, service) | special
        process.child = self.spawn(process.name, [sys.executable, "-m", program], settings)

    def _wait(self, process: Process) -> None:
        began = time.monotonic()
        assert process.child is not None
        process.child.wait_until(lambda: http.alive(process.port), seconds=START_LIMIT)
        process.start_seconds = time.monotonic() - began

    def _look_for(self, guest: Replica) -> None:
        """Raises BadInput when a service that should be running already is not."""
        if not ports.answers(guest.port):
            url = self._scenario.services[guest.service].url
            raise BadInput(f"services.{guest.service}.url: nothing answers at {url}; start that service first")

    def _publish(self, replica: Replica) -> None:
        """Put a proxy in front of a replica, and a value into it if it keeps values."""
        here, there = f"{ports.HOST}:{replica.proxied}", f"{ports.HOST}:{replica.port}"
        self.control.create(ProxySpec(name=replica.name, listen=here, upstream=there))
        if replica not in self._guests and not asks_others(self._scenario.services[replica.service]):
            http.exchange("PUT", replica.port, VALUE_PATH, VALUE)

    def _errands(self, process: Process, service: Service) -> dict[str, str]:
        """What a node is told beyond the settings of every service; whom it asks it reaches through the proxy."""
        path = self._folder / f"{process.name}.errands.json"
        lease = {} if service.lease is None else {"lease": _tree(service.lease)}
        if service.lease is not None:
            lease["granted_by"] = {"target": service.lease.source, **self._whereabouts(service.lease.source)}
        calls = [{**_tree(call), **self._whereabouts(call.target)} for call in service.calls]
        path.write_text(json.dumps({"calls": calls, **lease}), encoding="utf-8")
        return {
            "SERVICE_NAME": process.service,
            "MORE_PORTS": json.dumps([replica.port for replica in process.replicas[1:]]),
            "OPTIMISTIC": str(service.optimistic).lower(),
            "ERRANDS_FILE": str(path),
        }

    def _whereabouts(self, name: str) -> dict[str, Any]:
        """The replicas of a service, and how its callers choose among them."""
        keys = {"balancing", "outlier", "health", "panic"}
        addresses = [f"{ports.HOST}:{replica.proxied}" for replica in self.of(name)]
        return {"replicas": addresses, **_tree(self._scenario.services[name], include=keys)}

    def _settings(self, process: Process, service: Service) -> dict[str, str]:
        first = process.replicas[0]
        slowdown = {"SLOWDOWN": json.dumps(_tree(service.slowdown))} if service.slowdown else {}
        return slowdown | {
            "HOST": ports.HOST,
            "PORT": str(first.port),
            "ADMIN_PORT": str(process.admin),
            "WORKERS": str(service.workers),
            "SERVICE_TIME": str(service.service_time),
            "QUEUE_LIMIT": str(service.queue.limit),
            "QUEUE_DISCIPLINE": service.queue.discipline,
            "QUEUE_TARGET": str(service.queue.target),
            "QUEUE_INTERVAL": str(service.queue.interval),
            "QUEUE_RETRY_AFTER": str(service.queue.retry_after),
            "GUARDS": _GUARDS.dump_json(service.guards).decode(),
            "SEED": str((self._seed * 1000 + first.index) % 2**31),
            "MAX_REQUESTS": str(service.queue.limit + service.workers + 1000),
            "LOG_LEVEL": "WARNING",
            "GRACE": "1",
        }

    def _start_proxy(self) -> None:
        if self._proxy.startswith("http"):
            self.control = ToxiproxyClient(self._proxy)
            self.proxy_kind = f"{self.control.version()} at {self._proxy}"
            return
        binary = programs.toxiproxy(self._proxy)
        port = self._proxy_port
        command = (
            [str(binary), "-host", ports.HOST, "-port", str(port)]
            if binary is not None
            else [sys.executable, "-m", "stormlab.chaos", "--port", str(port), "--seed", str(self._seed)]
        )
        child = self.spawn("proxy", command)
        child.wait_until(lambda: ports.answers(port), seconds=START_LIMIT)
        self.control = ToxiproxyClient(f"http://{ports.HOST}:{port}")
        self.proxy_kind = "embedded" if binary is None else "toxiproxy"

    def _end(self) -> None:
        """End the services and remove the proxies we made; an own proxy ends with its children."""
        if self._proxy.startswith("http") and hasattr(self, "control"):
            for replica in self.replicas:
                with contextlib.suppress(Exception):
                    self.control.delete(replica.name)
        stop_all(self._children)


def _processes(scenario: Scenario, numbers: Iterator[int]) -> tuple[list[Process], list[Replica]]:
    """The processes of all services, with the next ``numbers`` as ports, and the replicas that are running already."""
    processes, guests = [], []
    for name, service in scenario.services.items():
        if service.url is not None:
            guests.append(Replica(name, 0, address(service.url).port, next(numbers)))
            continue
        replicas = [Replica(name, index, next(numbers), next(numbers)) for index in range(service.replicas)]
        groups = [replicas] if together(service) else [[replica] for replica in replicas]
        processes += [Process(name, next(numbers), group) for group in groups]
    return processes, guests


def _tree(value: BaseModel, *, include: set[str] | None = None) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, include=include)
