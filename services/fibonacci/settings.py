"""Settings of the Fibonacci service."""

from __future__ import annotations

from pydantic import Field

from services.common.settings import Port, ServiceSettings


class FibonacciSettings(ServiceSettings):
    """What the Fibonacci service can be told."""

    port: Port = Field(3000, description="port to listen on; 0 picks a free one")
    max_requests: int = Field(100, ge=1, description="requests under way; more get 503")
    max_n: int = Field(20, ge=0, le=25, description="largest index that is computed; above it, 400")
    max_tasks: int = Field(
        256, ge=0, le=10_000, description="calls of one request that run at the same time; the others take turns"
    )
    cpu_seconds: float = Field(0.0, ge=0, le=60, description="s of processor time that each request costs beside")
    container_id: str = Field("", description="label of the metrics; empty: the name of the host")
