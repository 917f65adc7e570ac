"""Where the replicas of a service are that is called, and how it is called: in the words of a scenario file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stormlab.policies import Deadline, FullJitter, HealthCheck, OutlierEjection, Panic, Retry, RetryBudget, Timeout
from stormlab.policies.balancing import Balancing
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
