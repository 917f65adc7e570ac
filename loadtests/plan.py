"""What is to be sent, when, and by which worker: the load as a scenario, split so that it is always the same.

Every request has its number in the stream of its client. Worker k of n sends those whose number leaves the remainder
k when divided by n, and what a request asks for is drawn for all numbers alike, so that however many workers there
are, together they send the same requests at the same times.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from loadtests.options import Settings
from loadtests.recording import read_trace
from loadtests.shapes import SHAPES
from stormlab.effects import PLAIN, Request
from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.complaints import problems
from stormlab.scenario.distributions import Exponential, Fixed
from stormlab.scenario.disturbances import Strict
from stormlab.scenario.model import (
    Arrivals,
    Client,
    Closed,
    Paced,
    Poisson,
    RunSettings,
    Scenario,
    Service,
    Trace,
)
from stormlab.scenario.patterns import PolicySpec
from stormlab.scenario.requests import requests_of
from stormlab.scenario.streams import generator, stream

#: Requests that a closed loop is described with at most; how many there will be depends on the answers.
MOST_FORESEEN = 40_000_000
#: The service that a load made from options is for; what it can do is not known.
TARGET = "target"


class _Policies(Strict):
    policies: tuple[PolicySpec, ...]


class Role(NamedTuple):
    """One class of users and its share of the load, relative to the others."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run, as the master tells it to its workers.

    Args:
        epoch: when the load starts, in s of the wall clock, which master and workers have to agree on.
        told: when the master said so, on the same clock.
        shares: the number of each worker, by its id.
    """

    scenario: Scenario
    settings: Settings
    epoch: float
    told: float
    shares: Mapping[str, int]

    def to_json(self) -> str:
        plain = {name: getattr(self, name) for name in ("epoch", "told", "shares")}
        plain |= {"settings": asdict(self.settings), "scenario": self.scenario.model_dump(mode="json", by_alias=True)}
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> Job:
        plain = json.loads(text)
        plain |= {"settings": Settings(**plain["settings"]), "scenario": Scenario.model_validate(plain["scenario"])}
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one worker sends for one client: an element per request. ``draws`` has two columns, in [0, 1)."""

    numbers: NDArray[np.int64]
    intended: NDArray[np.float64]
    draws: NDArray[np.float64]
    requests: Sequence[Request] | None

    def request(self, place: int) -> Request:
        return PLAIN if self.requests is None else self.requests[place]


def scenario_of(settings: Settings, roles: Sequence[Role]) -> Scenario:
    """The load as a scenario with a client for each role; or the one that the settings name.

    Raises:
        BadInput: a setting cannot be used; the message names it and says what to do.
    """
    if settings.scenario:
        return _playable(settings)
    if settings.loop == "open" and settings.rate <= 0:
        raise BadInput(f"--rate must be above 0, not {settings.rate:g}")
    total = sum(role.weight for role in roles)
    if total <= 0:
        raise BadInput("choose at least one user class")
    shape = SHAPES[settings.shape](settings.duration, settings.peak)
    policies = read_policies(settings.policies)
    arrivals = _arrivals(settings, [role.weight / total for role in roles])
    try:
        return Scenario(
            name=settings.shape,
            title=f"{', '.join(role.name for role in roles)}: {_title(settings)}",
            run=RunSettings(duration=settings.duration, seed=settings.seed, warmup=0.0),
            services={TARGET: Service(workers=1, service_time=Fixed(mean=0.0))},
            clients={
                role.name: Client(target=TARGET, arrivals=one, shape=shape, policies=policies)
                for role, one in zip(roles, arrivals, strict=True)
            },
        )
    except ValidationError as error:
        found = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadInput("; ".join(found)) from None


def part_of(scenario: Scenario, client: str, seed: int, *, share: int, of: int) -> Part:
    """What worker ``share`` of ``of`` sends for ``client``."""
    times = arrival_times(scenario, client, seed)
    requests = _requests(scenario, client, seed, len(times))
    mine = slice(share, None, of)
    return Part(
        numbers=np.arange(len(times))[mine],
        intended=times[mine],
        draws=generator(seed, "client", client, "requests").random((len(times), 2))[mine],
        requests=None if requests is None else requests[mine],
    )


def read_policies(text: str) -> tuple[PolicySpec, ...]:
    """Policies in the words of a scenario file, from JSON or TOML, or from a file of either.

    Raises:
        BadInput: they cannot be used.
    """
    text = text.strip()
    if text and text[0] not in "[{" and "=" not in text:
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            raise BadInput(f"--policies {text}: cannot be read: {error}") from None
    tree = {"policies": _listed(text)}
    try:
        return _Policies.model_validate(tree).policies
    except ValidationError as error:
        raise BadInput("--policies: " + "; ".join(str(one) for one in problems(error, tree, _Policies))) from None


def _listed(text: str) -> Any:
    if not text.strip():
        return []
    for parse in (json.loads, lambda words: tomllib.loads(f"policies = {words}"), tomllib.loads):
        try:
            found = parse(text)
        except ValueError:
            continue
        return found["policies"] if isinstance(found, dict) and "policies" in found else found
    raise BadInput('--policies: neither JSON nor TOML; write for example [{"kind": "timeout", "seconds": 1}]')


def _playable(settings: Settings) -> Scenario:
    scenario = loader.load(settings.scenario, variant=settings.variant)
    for name, client in scenario.clients.items():
        if isinstance(client.arrivals, Closed):
            raise BadInput(
                f"scenario {settings.scenario}: its client {name} is closed-loop; here only open-loop clients are "
                "played: use `stormlab run --live`"
            )
    return scenario


def _arrivals(settings: Settings, shares: Sequence[float]) -> list[Arrivals]:
    if settings.loop == "closed":
        # users who do not think ask as fast as they are answered, which a scenario has no figure for
        least = settings.users * settings.duration / MOST_FORESEEN
        think = Exponential(mean=max(settings.think_time, least, 1e-6))
        return [
            Closed(kind="closed", users=max(1, round(settings.users * share)), think_time=think) for share in shares
        ]
    if settings.shape == "replay":
        if not settings.trace:
            raise BadInput("the shape replay needs --trace FILE: a time in s per line")
        times = read_trace(Path(settings.trace))
        return [Trace(kind="trace", times=times[n :: len(shares)]) for n in range(len(shares))]
    if settings.arrivals == "paced":
        return [Paced(kind="paced", rate=settings.rate * share) for share in shares]
    return [Poisson(kind="poisson", rate=settings.rate * share) for share in shares]


def _title(settings: Settings) -> str:
    if settings.loop == "closed":
        return f"{settings.users} users in a closed loop, {settings.shape}"
    if settings.shape == "replay":
        return f"replay of {Path(settings.trace).name}"
    return f"{settings.rate:g} requests a second, {settings.shape}"


def _requests(scenario: Scenario, client: str, seed: int, count: int) -> list[Request] | None:
    make = requests_of(client, scenario.clients[client], stream(seed, "client", client, "keys"))
    return None if make is None else [make() for _ in range(count)]
