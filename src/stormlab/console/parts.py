"""The processes of the stack: proxy, replicas, gateway, and Prometheus and Jaeger when they are there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.console.observers import Observer, jaeger, prometheus
from stormlab.console.site import Ports
from stormlab.live import checkout, http, ports
from stormlab.live.children import START_LIMIT, Child, stop_all

#: What the visitor asks the key-value service for.
KEY, VALUE = "/v1/hello", b"world"

#: How the gateway calls: carefully, and with a state and a limit to be watched.
POLICIES: list[dict[str, Any]] = [
    {"kind": "deadline", "seconds": 5.0},
    {"kind": "retry", "max_retries": 2, "backoff": {"kind": "full-jitter", "base": 0.05, "cap": 1.0}},
    {"kind": "retry-budget"},
    {"kind": "circuit-breaker", "window": 50, "minimum": 20, "open_seconds": 2.0},
    {"kind": "aimd-limit"},
    {"kind": "timeout", "seconds": 1.0},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A process with a scrape page."""

    name: str
    service: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The programs of others that take part; ``None`` leaves one out, or takes the embedded proxy.

    ``rules`` is a file of Prometheus rules to take instead of those of ``deploy/``.
    """

    toxiproxy: Path | None = None
    prometheus: Path | None = None
    jaeger: Path | None = None
    rules: Path | None = None

    def left_out(self) -> set[str]:
        """The fields of :class:`Ports` that nothing will listen on."""
        jaeger = {"jaeger", "jaeger_grpc", "otlp"} if self.jaeger is None else set()
        return jaeger | ({"prometheus"} if self.prometheus is None else set())


class Parts:
    """Started and ended as one; nothing half-started is left when one part fails."""

    def __init__(self, places: Ports, folder: Path, wanted: Wanted) -> None:
        self._ports, self._folder, self._wanted, self._root = places, folder, wanted, checkout.root()
        self._children: list[Child] = []
        self._observers: list[Observer] = []
        self.control = ToxiproxyClient(f"http://{ports.HOST}:{places.control}")

    def launch(self) -> None:
        """Starts every process, without waiting for any."""
        self._start_proxy()
        for service, numbers, _ in self._replicas():
            for index, port in enumerate(numbers):
                self._service(service, f"{service}-{index}", port)
        self._service("gateway", "gateway", self._ports.gateway, {"UPSTREAMS_FILE": str(self._upstreams())})
        self._observe()

    def settle(self) -> None:
        """Waits until all answer, and puts the proxies and the value that is asked for in place.

        Raises:
            StormlabError: one did not start.
        """
        self._wait(self._ports.control, ports.answers)
        for service, numbers, proxied in self._replicas():
            for index, (port, listen) in enumerate(zip(numbers, proxied, strict=True)):
                here, there = f"{ports.HOST}:{listen}", f"{ports.HOST}:{port}"
                self.control.create(ProxySpec(name=f"up-{service}-{index}", listen=here, upstream=there))
        for port in [*self._ports.kv, *self._ports.fibonacci, self._ports.gateway]:
            self._wait(port, http.alive)
        for port in self._ports.kv:
            http.exchange("PUT", port, KEY, VALUE)
        for one in self._observers:
            self._wait(one.port, partial(http.serves, path=one.page))

    def stop(self) -> None:
        """Ends every process, all at the same time."""
        stop_all(self._children)
        self._children.clear()

    def targets(self) -> list[Target]:
        """Everything that has metrics of ours."""
        found = [
            Target(name=f"{service}-{index}", service=service, port=port)
            for service, numbers, _ in self._replicas()
            for index, port in enumerate(numbers)
        ]
        return [*found, Target(name="gateway", service="gateway", port=self._ports.gateway)]

    @property
    def entrance(self) -> str:
        """Where callers come in."""
        return f"http://{ports.HOST}:{self._ports.gateway}"

    @property
    def otlp(self) -> str | None:
        """Where Jaeger takes spans, if it is there."""
        return None if self._wanted.jaeger is None else f"http://{ports.HOST}:{self._ports.otlp}"

    def pages(self) -> dict[str, str]:
        """Pages of what runs beside the stack, by name."""
        there = {
            "Prometheus": (self._wanted.prometheus, self._ports.prometheus),
            "Jaeger": (self._wanted.jaeger, self._ports.jaeger),
        }
        return {name: f"http://{ports.HOST}:{port}" for name, (binary, port) in there.items() if binary is not None}

    def log_files(self) -> list[Path]:
        return [child.log for child in self._children]

    def ended(self) -> str | None:
        """What is to be said about a part that has ended, if one has."""
        for child in self._children:
            if child.status is not None:
                return f"{child.name} ended with status {child.status}: {child.last_words()}"
        return None

    def _replicas(self) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        yield "kv", self._ports.kv, self._ports.kv_proxied
        yield "fibonacci", self._ports.fibonacci, self._ports.fibonacci_proxied

    def _wait(self, port: int, ready: Callable[[int], bool]) -> None:
        """Until the process that listens on ``port``, as its name says, is ready."""
        (child,) = (one for one in self._children if one.name.endswith(f":{port}"))
        child.wait_until(lambda: ready(port), seconds=START_LIMIT)

    def _start_proxy(self) -> None:
        control = str(self._ports.control)
        command = [sys.executable, "-m", "stormlab.chaos", "--port", control]
        if (binary := self._wanted.toxiproxy) is not None:
            command = [str(binary), "-host", ports.HOST, "-port", control, "-proxy-metrics", "-runtime-metrics"]
        self._spawn(f"proxy:{control}", command)

    def _service(self, service: str, name: str, port: int, more: Mapping[str, str] | None = None) -> None:
        endpoint = f"http://{ports.HOST}:{self._ports.console}"
        env = {
            "HOST": ports.HOST,
            "PORT": str(port),
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_TRACES_SAMPLER_ARG": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_SERVICE_NAME": name,
            "GRACE": "1",
            **({"TLOG_FILENAME": str(self._folder / f"{name}.log.data")} if service == "kv" else {}),
            **(more or {}),
        }
        self._spawn(f"{name}:{port}", [sys.executable, "-m", f"services.{service}"], env)

    def _upstreams(self) -> Path:
        def one(numbers: tuple[int, ...], proxied: tuple[int, ...]) -> dict[str, Any]:
            return {
                "policies": POLICIES,
                "replicas": [f"{ports.HOST}:{port}" for port in proxied],
                "probes": [f"{ports.HOST}:{port}" for port in numbers],
            }

        path = self._folder / "upstreams.json"
        tree = {service: one(numbers, proxied) for service, numbers, proxied in self._replicas()}
        path.write_text(json.dumps(tree), encoding="utf-8")
        return path

    def _observe(self) -> None:
        """Starts Prometheus and Jaeger, those that are wanted."""
        root, folder, places, wanted = self._root, self._folder, self._ports, self._wanted
        found = {}
        if wanted.prometheus is not None:
            found["prometheus"] = prometheus(
                wanted.prometheus, root=root, folder=folder, places=places, rules=wanted.rules
            )
        if wanted.jaeger is not None:
            found["jaeger"] = jaeger(wanted.jaeger, root=root, places=places)
        for name, one in found.items():
            self._spawn(f"{name}:{one.port}", one.command, one.env)
        self._observers = list(found.values())

    def _spawn(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> None:
        log = self._folder / f"{name.partition(':')[0]}.log"
        self._children.append(Child(name, command, log=log, cwd=self._root, env=env or {}))
