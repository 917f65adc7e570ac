"""Settings of a service: flags over environment over defaults, all listed by ``--help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.common.capacity import MAX_WORKERS, CapacitySpec
from services.common.service_time import FORMS, ServiceTime
from services.common.station import Discipline
from stormlab.errors import BadInput

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8080, description="port to listen on; 0 picks a free one")
    admin_port: Port | None = Field(
        None, description="loopback port for faults and capacity; 0 picks a free one, unset switches it off"
    )
    grace: Seconds = Field(10.0, description="s that requests under way get to finish after SIGTERM")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level logged")
    telemetry: Literal["on", "off"] = Field("on", description="whether each request is counted and timed")
    otel_traces_exporter: str = Field(
        "", description="console, otlp or jaeger, several with commas, or none; empty: otlp if it has an endpoint"
    )
    otel_traces_sampler_arg: float = Field(
        0.1, ge=0, le=1, description="share of the traces begun here that are recorded"
    )
    max_requests: int = Field(10_000, ge=1, description="requests under way; more get 503")
    body_timeout: Seconds = Field(30.0, description="s a request's body may take to arrive")
    workers: int = Field(0, ge=0, le=MAX_WORKERS, description="emulated workers; 0 switches the emulation off")
    service_time: str = Field("exponential:0.1", description=f"emulated service time in s; {FORMS}")
    queue_limit: int = Field(1000, ge=0, le=1_000_000, description="requests that may wait for a worker")
    queue_discipline: Discipline = Field(Discipline.FIFO, description="who is served next: fifo or lifo")
    seed: int = Field(0, description="seed of service times and faults")

    def capacity(self) -> CapacitySpec:
        """The emulated capacity.

        Raises:
            BadInput: the service time cannot be read.
        """
        return CapacitySpec(
            workers=self.workers,
            service_time=ServiceTime.parse(self.service_time),
            queue_limit=self.queue_limit,
            discipline=self.queue_discipline,
            seed=self.seed,
        )

    def masked(self) -> dict[str, Any]:
        """The effective settings for the log, secrets masked."""
        return self.model_dump(mode="json")


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def read_settings(kind: type[SettingsT], arguments: Sequence[str], *, program: str) -> SettingsT:
    """The settings of ``kind`` from command-line flags, then the environment, then defaults.

    Raises:
        BadInput: a value cannot be used; the message names the setting.
        SystemExit: 0 after ``--help``; 2 for an unknown flag.
    """
    flags = vars(_parser(kind, program).parse_args(arguments))
    try:
        return kind(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise BadInput("; ".join(lines) + " (see --help)") from error


def _parser(kind: type[ServiceSettings], program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Every setting is a flag or an environment variable; flags win.",
        allow_abbrev=False,
    )
    for name, field in kind.model_fields.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, dest=name, metavar="VALUE", help=_help(name, field))
    return parser


def _help(name: str, field: FieldInfo) -> str:
    default = field.default
    shown = "unset" if default is None else "secret" if isinstance(default, SecretStr) else str(default)
    return f"{field.description} [env {name.upper()}, default {shown or 'empty'}]".replace("%", "%%")
