"""Settings of the gateway, and the file that says where its upstreams are and how they are called."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from services.common.settings import Port, ServiceSettings
from stormlab.errors import BadInput
from stormlab.policies import Deadline, FullJitter, HealthCheck, OutlierEjection, Panic, Retry, RetryBudget, Timeout
from stormlab.policies.balancing import Balancing
from stormlab.scenario.complaints import problems
from stormlab.scenario.disturbances import Strict
from stormlab.scenario.patterns import PolicySpec

Address = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")]

#: What a careful caller does when nobody says otherwise.
CAREFUL: tuple[PolicySpec, ...] = (
    Deadline(seconds=5.0),
    Retry(max_retries=2, backoff=FullJitter(base=0.05, cap=1.0)),
    RetryBudget(),
    Timeout(seconds=1.0),
)


class Upstream(Strict):
    """The replicas of one service (``host:port``, usually those of a chaos proxy) and how they are called.

    ``policies``, outermost first, ``balancing``, ``outlier``, ``health`` and ``panic`` are as in a scenario; a shallow
    health check asks ``/readyz``, a deep one ``/healthz/deep``. ``connections`` bounds those to one replica; callers
    beyond wait for one within their time limit. ``probes``, when given, are the addresses of the health checks, in the
    order of ``replicas``: needed for gRPC, and to look around a proxy.
    """

    replicas: Annotated[tuple[Address, ...], Field(min_length=1, max_length=1000)]
    protocol: Literal["http", "grpc"] = "http"
    balancing: Balancing = "round-robin"
    policies: tuple[PolicySpec, ...] = CAREFUL
    connections: Annotated[int, Field(ge=1, le=10_000)] = 256
    outlier: OutlierEjection | None = None
    health: HealthCheck | None = HealthCheck(interval=1.0, timeout=0.5, successes=2)
    panic: Panic = Panic()
    probes: tuple[Address, ...] = ()


class Upstreams(Strict):
    """The two services behind the gateway."""

    kv: Upstream = Upstream(replicas=("127.0.0.1:8080",))
    fibonacci: Upstream = Upstream(replicas=("127.0.0.1:3000",))


class GatewaySettings(ServiceSettings):
    """What the gateway can be told."""

    port: Port = Field(8000, description="port to listen on; 0 picks a free one")
    upstreams_file: Path | None = Field(
        None, description="TOML or JSON file with tables kv and fibonacci; unset: ports 8080 and 3000 of this machine"
    )
    max_requests: int = Field(2000, ge=1, description="requests under way; more get 503")
    max_key_length: int = Field(1024, ge=1, le=4096, description="longest key in characters; as of the service")
    max_value_bytes: int = Field(1 << 20, ge=0, le=1 << 28, description="longest value in bytes; as of the service")
    max_answer_bytes: int = Field(1 << 24, ge=1, le=1 << 28, description="longest answer of an upstream in bytes")
    max_n: int = Field(20, ge=0, le=25, description="largest index; as of the Fibonacci service")


def read_upstreams(path: Path | None) -> Upstreams:
    """The upstreams that the file at ``path`` describes.

    Raises:
        BadInput: it cannot be read or used; the message names the file and the key.
    """
    if path is None:
        return Upstreams()
    tree = _tree(path)
    try:
        upstreams = Upstreams.model_validate(tree)
    except ValidationError as error:
        raise BadInput("; ".join(f"{path}: {one}" for one in problems(error, tree, Upstreams))) from None
    _check(path, upstreams)
    return upstreams


def _tree(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadInput(f"UPSTREAMS_FILE: {path}: {error}; give a TOML file, or a .json file") from None


def _check(path: Path, upstreams: Upstreams) -> None:
    if upstreams.fibonacci.protocol == "grpc":
        raise BadInput(f"{path}: fibonacci.protocol: this service speaks http only")
    for name, upstream in (("kv", upstreams.kv), ("fibonacci", upstreams.fibonacci)):
        if upstream.probes and len(upstream.probes) != len(upstream.replicas):
            raise BadInput(f"{path}: {name}.probes: give one address for each of the {len(upstream.replicas)} replicas")
        if upstream.protocol == "grpc" and upstream.health is not None and not upstream.probes:
            raise BadInput(f"{path}: {name}.probes: health checks speak HTTP; give the HTTP addresses of the replicas")
