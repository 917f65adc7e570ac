"""The processes of the stack: proxy, replicas, gateway, and Prometheus when it is on PATH."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.console.site import Ports
from stormlab.live import checkout, http, ports
from stormlab.live.children import Child
from stormlab.live.stack import START_LIMIT, TOXIPROXY

#: What the visitor asks the key-value service for.
KEY, VALUE = "/v1/hello", b"world"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A process with a scrape page."""

    name: str
    service: str
    port: int


class Parts:
    """Started and ended as one; nothing half-started is left when one part fails."""

    def __init__(self, places: Ports, folder: Path, *, prometheus: bool = True) -> None:
        self._ports, self._folder, self._root = places, folder, checkout.root()
        self._children: list[Child] = []
        self._with_prometheus = prometheus
        self.control = ToxiproxyClient(f"http://{ports.HOST}:{places.control}")
        self.gateway = (self._root / "services" / "gateway" / "__main__.py").is_file()
        self.prometheus = False

    def start(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for child in reversed(self._children):
            child.stop()
        self._children.clear()

    def targets(self) -> list[Target]:
        """Everything that has metrics of ours."""
        found = [
            Target(name=f"{service}-{index}", service=service, port=port)
            for service, numbers, _ in self._replicas()
            for index, port in enumerate(numbers)
        ]
        return [
            *found,
            *([Target(name="gateway", service="gateway", port=self._ports.gateway)] if self.gateway else []),
        ]

    def entrances(self) -> dict[str, list[str]]:
        """Where callers come in: through the gateway, or through the proxies where there is none."""
        host, places = ports.HOST, self._ports
        if self.gateway:
            return {"gateway": [f"http://{host}:{places.gateway}"]}
        return {service: [f"http://{host}:{port}" for port in proxied] for service, _, proxied in self._replicas()}

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

    def _start(self) -> None:
        proxy = self._start_proxy()
        for service, numbers, _ in self._replicas():
            for index, port in enumerate(numbers):
                self._service(service, f"{service}-{index}", port)
        proxy.wait_until(lambda: ports.answers(self._ports.control), seconds=START_LIMIT)
        for service, numbers, proxied in self._replicas():
            for index, (port, listen) in enumerate(zip(numbers, proxied, strict=True)):
                here, there = f"{ports.HOST}:{listen}", f"{ports.HOST}:{port}"
                self.control.create(ProxySpec(name=f"up-{service}-{index}", listen=here, upstream=there))
        self._wait([port for _, numbers, _ in self._replicas() for port in numbers])
        for port in self._ports.kv:
            http.exchange("PUT", port, KEY, VALUE)
        if self.gateway:
            self._service("gateway", "gateway", self._ports.gateway, {"UPSTREAMS_FILE": str(self._upstreams())})
            self._wait([self._ports.gateway])
        self._start_prometheus()

    def _wait(self, numbers: list[int]) -> None:
        by_port = {port: child for child in self._children for port in numbers if child.name.endswith(f":{port}")}
        for port, child in by_port.items():
            child.wait_until(lambda port=port: http.alive(port), seconds=START_LIMIT)  # type: ignore[misc]

    def _start_proxy(self) -> Child:
        control = str(self._ports.control)
        binary = next((path for name in TOXIPROXY if (path := shutil.which(name))), None)
        if binary is not None:
            return self._spawn("proxy", [binary, "-host", ports.HOST, "-port", control, "-proxy-metrics"])
        return self._spawn("proxy", [sys.executable, "-m", "stormlab.chaos", "--port", control])

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
                "replicas": [f"{ports.HOST}:{port}" for port in proxied],
                "probes": [f"{ports.HOST}:{port}" for port in numbers],
            }

        path = self._folder / "upstreams.json"
        tree = {service: one(numbers, proxied) for service, numbers, proxied in self._replicas()}
        path.write_text(json.dumps(tree), encoding="utf-8")
        return path

    def _start_prometheus(self) -> None:
        binary = shutil.which("prometheus")
        if binary is None or not self._with_prometheus:
            return
        port = self._ports.prometheus
        child = self._spawn(
            "prometheus",
            [
                binary,
                f"--config.file={self._prometheus_config()}",
                f"--storage.tsdb.path={self._folder / 'prometheus'}",
                f"--web.listen-address={ports.HOST}:{port}",
                "--enable-feature=exemplar-storage",
            ],
        )
        child.wait_until(lambda: ports.answers(port), seconds=START_LIMIT)
        self.prometheus = True

    def _prometheus_config(self) -> Path:
        """JSON, which is YAML too; targets of live runs are discovered from the console."""
        base = f"{ports.HOST}:{self._ports.console}"
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._root / "deploy" / "prometheus" / "rules.yml")],
            "scrape_configs": [
                {
                    "job_name": "services",
                    "http_sd_configs": [{"url": f"http://{base}/api/targets", "refresh_interval": "1s"}],
                },
                {"job_name": "console", "static_configs": [{"targets": [base]}]},
                {
                    "job_name": "proxy",
                    "static_configs": [{"targets": [f"{ports.HOST}:{self._ports.control}"]}],
                },
            ],
        }
        path = self._folder / "prometheus.yml"
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return path

    def _spawn(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> Child:
        log = self._folder / f"{name.partition(':')[0]}.log"
        child = Child(name, command, log=log, cwd=self._root, env=env or {})
        self._children.append(child)
        return child
