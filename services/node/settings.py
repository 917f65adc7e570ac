"""Settings of a node, and the file that says whom it asks for what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from services.common.settings import Port, ServiceSettings
from services.common.upstream import Upstream
from stormlab.errors import BadInput
from stormlab.policies import HealthCheck
from stormlab.scenario.complaints import problems
from stormlab.scenario.disturbances import Seconds, Strict
from stormlab.scenario.parts import Cache, Lease
from stormlab.scenario.patterns import PolicySpec


class Call(Upstream):
    """A call of the service ``target``, made for every request while its worker is held.

    ``cache``, ``fan_out``, ``optional`` and ``latency`` are as in a scenario.
    """

    target: str
    policies: tuple[PolicySpec, ...] = ()
    connections: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    health: HealthCheck | None = None
    latency: Seconds = 0.0
    cache: Cache | None = None
    fan_out: Annotated[int, Field(ge=1, le=1000)] = 1
    optional: bool = False


class Errands(Strict):
    """What a node asks of others: the ``calls`` in their order, and where its ``lease`` comes from (``granted_by``)."""

    calls: tuple[Call, ...] = ()
    lease: Lease | None = None
    granted_by: Call | None = None


class NodeSettings(ServiceSettings):
    """What a node can be told; what is emulated is that of each of its replicas."""

    port: Port = Field(8100, description="port of the first replica; 0 picks a free one")
    service_name: str = Field("node", description="what the service is called in its metrics and on its edges")
    more_ports: tuple[Port, ...] = Field((), description="ports of further replicas in this process, as a JSON list")
    optimistic: bool = Field(
        False, description="whether a request fails when another one with its key has succeeded since it came"
    )
    errands_file: Path | None = Field(
        None, description="JSON file with calls, lease and granted_by; unset: nobody is asked for anything"
    )


def read_errands(path: Path | None) -> Errands:
    """The errands that the file at ``path`` describes.

    Raises:
        BadInput: it cannot be read or used; the message names the file and the key.
    """
    if path is None:
        return Errands()
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"ERRANDS_FILE: {path}: {error}; give a .json file") from None
    try:
        errands = Errands.model_validate(tree)
    except ValidationError as error:
        raise BadInput("; ".join(f"{path}: {one}" for one in problems(error, tree, Errands))) from None
    if (errands.lease is None) != (errands.granted_by is None):
        raise BadInput(f"{path}: lease and granted_by belong together; give both or none")
    return errands
