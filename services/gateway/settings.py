"""Settings of the gateway, and the file that says where its upstreams are and how they are called."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from services.common.settings import Port, ServiceSettings
from services.common.upstream import Upstream
from stormlab.errors import BadInput
from stormlab.scenario.complaints import problems
from stormlab.scenario.disturbances import Strict


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
