"""Prometheus and Jaeger next to the stack: their commands, and configurations made from the files below ``deploy/``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stormlab.console.site import Ports
from stormlab.live.ports import HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """How to start one, and the page that it answers with 200 once it is ready: before, it may listen already."""

    command: list[str]
    port: int
    page: str
    env: Mapping[str, str] = field(default_factory=dict)


def prometheus(binary: Path, *, root: Path, folder: Path, places: Ports, rules: Path | None) -> Observer:
    """Prometheus with the rules of ``deploy/``, or those at ``rules``; data and configuration go below ``folder``."""
    config = folder / "prometheus.yml"
    config.write_text(json.dumps(scrapes(root, places, rules), indent=2), encoding="utf-8")
    command = [
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={HOST}:{places.prometheus}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    return Observer(command=command, port=places.prometheus, page="/-/ready")


def scrapes(root: Path, places: Ports, rules: Path | None = None) -> dict[str, object]:
    """``deploy/prometheus/prometheus.yml`` for processes of this machine; those of live runs come and go with them."""
    deploy = root / "deploy" / "prometheus"
    tree = yaml.safe_load((deploy / "prometheus.yml").read_text(encoding="utf-8"))
    files = [str(rules.resolve())] if rules is not None else [str(deploy / name) for name in tree["rule_files"]]
    console = f"{HOST}:{places.console}"
    discovery = {"url": f"http://{console}/api/targets", "refresh_interval": "1s"}
    return {
        "global": tree["global"],
        "rule_files": files,
        "scrape_configs": [
            {"job_name": "services", "http_sd_configs": [discovery]},
            {"job_name": "console", "static_configs": [{"targets": [console]}]},
            {"job_name": "proxy", "static_configs": [{"targets": [f"{HOST}:{places.control}"]}]},
        ],
    }


def jaeger(binary: Path, *, root: Path, places: Ports) -> Observer:
    """Jaeger with its store in memory; ``deploy/jaeger/native.yaml`` reads its addresses from the environment."""
    env = {
        "JAEGER_QUERY": f"{HOST}:{places.jaeger}",
        "JAEGER_GRPC": f"{HOST}:{places.jaeger_grpc}",
        "JAEGER_OTLP": f"{HOST}:{places.otlp}",
    }
    command = [str(binary), "--config", str(root / "deploy" / "jaeger" / "native.yaml")]
    return Observer(command=command, port=places.jaeger, page="/api/services", env=env)
