"""The processes of a live run: the chaos proxy, and one key-value service per replica behind a proxy of its own."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import TypeAdapter

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.errors import BadInput
from stormlab.live import checkout, http, ports
from stormlab.live.children import Child
from stormlab.scenario.model import Scenario, Service
from stormlab.scenario.patterns import GuardSpec

#: How long a part of the stack may take to come up, in s.
START_LIMIT = 30.0
#: What the load generator asks for.
VALUE_PATH = "/v1/stormlab"
VALUE = b"sixty-four bytes, which is what a small value usually amounts to."
_GUARDS: TypeAdapter[tuple[GuardSpec, ...]] = TypeAdapter(tuple[GuardSpec, ...])
KINDS = ("auto", "embedded", "toxiproxy")
TOXIPROXY = ("toxiproxy-server", "toxiproxy")


@dataclass(slots=True)
class Replica:
    """One process of a service; callers reach it through ``proxied``, probes also directly."""

    service: str
    index: int
    port: int
    admin: int
    proxied: int
    child: Child | None = None
    start_seconds: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.service}-{self.index}"


class Stack:
    """Started by ``with``; at the end of the block every process is gone, whatever happened inside.

    Args:
        proxy: ``embedded``, ``toxiproxy`` (a binary on PATH), ``auto`` (the latter when found), or the URL of a
            control API that is answering already.
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
        needed = ports.free(3 * sum(service.replicas for service in scenario.services.values()))
        numbers = iter(needed)
        self.replicas = [
            Replica(service=name, index=index, port=next(numbers), admin=next(numbers), proxied=next(numbers))
            for name, service in scenario.services.items()
            for index in range(service.replicas)
        ]

    def __enter__(self) -> Stack:
        try:
            self._start_proxy()
            for replica in self.replicas:
                self.start(replica)
            for replica in self.replicas:
                self._wait(replica)
                self._publish(replica)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def of(self, service: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.service == service]

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

    def start(self, replica: Replica) -> None:
        """Start the process of a replica, without waiting for it."""
        replica.child = self.spawn(
            replica.name,
            [sys.executable, "-m", "services.kv"],
            self._settings(replica, self._scenario.services[replica.service]),
        )

    def reset(self) -> None:
        """Remove every fault from the proxy; a proxy that is gone has none."""
        with contextlib.suppress(BadInput, OSError):
            self.control.reset()

    def _wait(self, replica: Replica) -> None:
        began = time.monotonic()
        assert replica.child is not None
        replica.child.wait_until(lambda: http.alive(replica.port), seconds=START_LIMIT)
        replica.start_seconds = time.monotonic() - began

    def _publish(self, replica: Replica) -> None:
        """Put a proxy in front of a replica, and a value into it."""
        here, there = f"{ports.HOST}:{replica.proxied}", f"{ports.HOST}:{replica.port}"
        self.control.create(ProxySpec(name=replica.name, listen=here, upstream=there))
        http.exchange("PUT", replica.port, VALUE_PATH, VALUE)

    def _settings(self, replica: Replica, service: Service) -> dict[str, str]:
        return {
            "HOST": ports.HOST,
            "PORT": str(replica.port),
            "ADMIN_PORT": str(replica.admin),
            "WORKERS": str(service.workers),
            "SERVICE_TIME": str(service.service_time),
            "QUEUE_LIMIT": str(service.queue.limit),
            "QUEUE_DISCIPLINE": service.queue.discipline,
            "QUEUE_TARGET": str(service.queue.target),
            "QUEUE_INTERVAL": str(service.queue.interval),
            "GUARDS": _GUARDS.dump_json(service.guards).decode(),
            "SEED": str((self._seed * 1000 + replica.index) % 2**31),
            "TLOG_FILENAME": str(self._folder / f"{replica.name}.tlog"),
            "MAX_REQUESTS": str(service.queue.limit + service.workers + 1000),
            "LOG_LEVEL": "WARNING",
            "GRACE": "1",
        }

    def _start_proxy(self) -> None:
        if self._proxy.startswith("http"):
            self.control = ToxiproxyClient(self._proxy)
            self.proxy_kind = f"{self.control.version()} at {self._proxy}"
            return
        if self._proxy not in KINDS:
            raise BadInput(f"proxy: {self._proxy!r} is none of {', '.join(KINDS)} and no http:// address")
        binary = next((path for name in TOXIPROXY if (path := shutil.which(name))), None)
        if self._proxy == "toxiproxy" and binary is None:
            raise BadInput(
                "Toxiproxy is not on PATH: `go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0` and rename "
                "the binary to toxiproxy-server, or use --proxy embedded"
            )
        (port,) = ports.free(1)
        real = binary is not None and self._proxy in ("auto", "toxiproxy")
        command = (
            [str(binary), "-host", ports.HOST, "-port", str(port)]
            if real
            else [sys.executable, "-m", "stormlab.chaos", "--port", str(port), "--seed", str(self._seed)]
        )
        child = self.spawn("proxy", command)
        child.wait_until(lambda: ports.answers(port), seconds=START_LIMIT)
        self.control = ToxiproxyClient(f"http://{ports.HOST}:{port}")
        self.proxy_kind = "toxiproxy" if real else "embedded"

    def _end(self) -> None:
        """End the services and remove the proxies we made; an own proxy ends with its children."""
        if self._proxy.startswith("http") and hasattr(self, "control"):
            for replica in self.replicas:
                with contextlib.suppress(Exception):
                    self.control.delete(replica.name)
        for child in reversed(self._children):
            child.stop()
