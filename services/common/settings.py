"""Settings of a service: explicit in code over flags over environment over files over a remote store over defaults."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo

from services.common.capacity import MAX_WORKERS, CapacitySpec
from services.common.flag_rules import FlagRule, Network
from services.common.layers import LIVE, Layer, is_live, merge
from services.common.service_time import FORMS, ServiceTime
from services.common.station import Discipline
from stormlab.errors import BadInput
from stormlab.policies.queueing import INTERVAL, TARGET
from stormlab.scenario.parts import Slowdown
from stormlab.scenario.patterns import GuardSpec

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
#: Settings that say where others come from; files and stores cannot hold them.
SOURCES = frozenset({"config_file", "config_store", "config_poll"})


def _from_json(value: Any) -> Any:
    """A table, which a flag or the environment gives as text."""
    return json.loads(value) if isinstance(value, str) else value


class ServiceSettings(BaseModel):
    """What every service can be told; what is marked `LIVE` is taken over while the service runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    #: Feature flags that the service asks for; others are refused.
    known_flags: ClassVar[frozenset[str]] = frozenset()

    config_file: str = Field("", description="files of settings (.json, .yaml, .toml), with commas; a later one wins")
    config_store: str = Field("", description="http address of a key whose value holds settings; its suffix as above")
    config_poll: Seconds = Field(2.0, description="s between two looks at the content of files and store")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8080, description="port to listen on; 0 picks a free one")
    admin_port: Port | None = Field(
        None, description="loopback port for faults and capacity; 0 picks a free one, unset switches it off"
    )
    grace: Seconds = Field(10.0, description="s that requests under way get to finish after SIGTERM")
    log_level: Annotated[Level, LIVE] = Field("INFO", description="least level logged")
    log_first: Annotated[int, LIVE] = Field(
        10, ge=0, description="lines per second of the same level and message that are logged; 0 logs all"
    )
    log_then: Annotated[int, LIVE] = Field(100, ge=0, description="beyond these every so manieth is logged; 0 none")
    telemetry: Literal["on", "off"] = Field("on", description="whether each request is counted and timed")
    otel_traces_exporter: str = Field(
        "", description="console, otlp or jaeger, several with commas, or none; empty: otlp if it has an endpoint"
    )
    otel_traces_sampler_arg: Annotated[float, LIVE] = Field(
        0.1, ge=0, le=1, description="share of the traces begun here that are recorded"
    )
    flags: Annotated[dict[str, bool], LIVE] = Field(
        {}, description='feature flags that are set, as JSON: {"name": true}; they win over flag rules'
    )
    flag_rules: Annotated[dict[str, FlagRule], LIVE] = Field(
        {}, description='for whom flags are on, as JSON: {"name": {"networks": [], "percentage": 0, "users": []}}'
    )
    trusted_proxies: Annotated[tuple[Network, ...], LIVE] = Field(
        (), description="networks whose X-Forwarded-For is believed, as a JSON list"
    )
    max_requests: int = Field(10_000, ge=1, description="requests under way; more get 503")
    body_timeout: Seconds = Field(30.0, description="s a request's body may take to arrive")
    workers: Annotated[int, LIVE] = Field(
        0, ge=0, le=MAX_WORKERS, description="emulated workers; 0 at the start switches the emulation off"
    )
    service_time: str = Field("exponential:0.1", description=f"emulated service time in s; {FORMS}")
    queue_limit: int = Field(1000, ge=0, le=1_000_000, description="requests that may wait for a worker")
    queue_discipline: Discipline = Field(
        Discipline.FIFO, description="who is served next: fifo, lifo, adaptive-lifo, codel or codel-lifo"
    )
    queue_target: Seconds = Field(TARGET, description="s a request may wait in a standing queue; for codel")
    queue_interval: Seconds = Field(
        INTERVAL, description="s after which a queue is a standing one; for adaptive-lifo and codel"
    )
    slowdown: Annotated[Slowdown | None, BeforeValidator(_from_json)] = Field(
        None, description='how service times grow with load, as in a scenario: {"kind": "power", "strength": 1}'
    )
    queue_retry_after: Annotated[float, Field(allow_inf_nan=False)] = Field(
        1.0, ge=0, description="s after which who found no place is asked to come back; with 0 nothing is said"
    )
    guards: tuple[GuardSpec, ...] = Field(
        (), description='guards, outermost first, as in a scenario: [{"kind": "queue-shed"}]'
    )
    seed: int = Field(0, description="seed of service times and faults")

    @model_validator(mode="after")
    def _flags_are_known(self) -> Self:
        unknown = sorted({*self.flags, *self.flag_rules} - self.known_flags)
        if unknown:
            known = ", ".join(sorted(self.known_flags)) or "none"
            raise ValueError(f"no flag is called {unknown[0]!r}; this service has: {known}")
        return self

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
            target=self.queue_target,
            interval=self.queue_interval,
            retry_after=self.queue_retry_after,
            seed=self.seed,
            slowdown=self.slowdown,
        )

    def masked(self) -> dict[str, Any]:
        """The effective settings for the log, secrets masked."""
        return self.model_dump(mode="json")

    @classmethod
    def live(cls) -> frozenset[str]:
        """The settings that are taken over while the service runs."""
        return frozenset(name for name, field in cls.model_fields.items() if is_live(field))


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def local_layers(
    kind: type[ServiceSettings],
    arguments: Sequence[str],
    *,
    program: str,
    environment: Mapping[str, str] | None = None,
    explicit: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """Explicit settings, flags and environment, highest first. An empty environment variable counts as unset.

    Raises:
        SystemExit: 0 after ``--help``; 2 for an unknown flag.
    """
    environment = os.environ if environment is None else environment
    given = vars(_parser(kind, program).parse_args(arguments))
    return [
        Layer("the code", dict(explicit or {})),
        Layer("the command line", {name: value for name, value in given.items() if value is not None}),
        Layer("the environment", {name: text for name in kind.model_fields if (text := environment.get(name.upper()))}),
    ]


def read_settings(
    kind: type[SettingsT], arguments: Sequence[str], *, program: str, explicit: Mapping[str, Any] | None = None
) -> SettingsT:
    """The settings of ``kind`` from code, command line, environment, files and store, for one reading.

    Raises:
        BadInput: a value cannot be used; the message names the setting and where it came from.
        SystemExit: 0 after ``--help``; 2 for an unknown flag.
    """
    from services.common.sources import Sources

    return Sources(kind, local_layers(kind, arguments, program=program, explicit=explicit)).first()


def of_layers(kind: type[SettingsT], layers: Sequence[Layer]) -> SettingsT:
    """The settings that ``layers``, highest first, come to.

    Raises:
        BadInput: a value cannot be used; the message names the setting and the layer.
    """
    try:
        return merge(kind, layers)
    except BadInput as error:
        raise BadInput(f"{error} (see --help)") from error


def _parser(kind: type[ServiceSettings], program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Every setting is a flag or an environment variable, or stands in a file or a remote store; "
        "the first of these wins. What is marked live is taken over while the service runs.",
        allow_abbrev=False,
    )
    for name, field in kind.model_fields.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, dest=name, metavar="VALUE", help=_help(name, field))
    return parser


def _help(name: str, field: FieldInfo) -> str:
    default = field.default
    shown = "unset" if default is None else "secret" if isinstance(default, SecretStr) else str(default)
    live = ", live" if is_live(field) else ""
    return f"{field.description} [env {name.upper()}, default {shown or 'empty'}{live}]".replace("%", "%%")
