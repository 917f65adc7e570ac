"""How the replicas of a service come and go as processes: what a start takes, and what ends one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stormlab import units
from stormlab.errors import InvalidValue
from stormlab.policies.backoff import Fixed
from stormlab.policies.retry import AnyBackoff
from stormlab.scenario.distributions import Distribution
from stormlab.scenario.disturbances import PositiveSeconds, Seconds, Strict


class Startup(Strict):
    """What a replica does after it was started and before it serves: it takes ``seconds`` s of its own, then gets
    ``requests`` answers from service ``source``, one after the other, each within ``timeout`` s.

    After a failure it starts over, later by ``backoff``. At most ``rate`` replicas per s may begin, or begin again;
    the others wait for their turn. When more than ``limit`` are under way at once, all of them come up broken: they
    are there and answer every request, and every health check, with an error. Replicas that are there from the
    beginning have all of that behind them.
    """

    seconds: Seconds = 0.0
    source: str | None = None
    requests: Annotated[int, Field(ge=1, le=1000)] = 1
    timeout: PositiveSeconds = 10.0
    backoff: Annotated[AnyBackoff, Field(discriminator="kind")] = Fixed(delay=1.0)
    rate: Annotated[units.PerSecond, Field(gt=0, allow_inf_nan=False)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class Crash(Strict):
    """A replica ends when a request comes that would be one more than ``load`` inside of it, waiting or being worked
    on: it is out of memory, or killed because it no longer answers in time. It is started again ``restart`` s later.
    """

    load: Annotated[int, Field(ge=1)]
    restart: Seconds = 1.0


class Peers(Strict):
    """Every replica keeps ``threads`` threads for each other one it knows, besides ``base``, and may have ``limit``.

    It learns within ``learn`` s of one that has started, which costs it ``greeting`` times the work of a request. One
    that needs more threads than it may have can serve no longer; it has to be restarted, also when there are fewer
    peers again.
    """

    base: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1)] = 1
    limit: Annotated[int, Field(ge=1)]
    learn: Seconds = 0.0
    greeting: Annotated[units.Number, Field(ge=0, allow_inf_nan=False)] = 0.0


class Autoscale(Strict):
    """Sets the number of replicas every ``every`` s, between ``least`` and ``most``, so that ``signal`` comes to
    ``target``: to replicas × signal ÷ target, rounded up.

    The signal is a mean over the replicas and the time since the last look: the share of the workers that is busy
    (``workers``), waiting for a dependency included, or the share of their time that is service time (``processor``).
    Replicas that are still starting, or broken, count. More are started as ``startup`` says; superfluous ones get no
    further requests, the newest first.
    """

    signal: Literal["workers", "processor"] = "workers"
    target: Annotated[units.Number, Field(gt=0, le=1)]
    every: PositiveSeconds = 10.0
    least: Annotated[int, Field(ge=1)] = 1
    most: Annotated[int, Field(ge=1, le=10_000)]

    @model_validator(mode="after")
    def _ordered(self) -> Autoscale:
        if self.least > self.most:
            raise InvalidValue("least", f"must not be above most ({self.most}), not {self.least}")
        return self


class Record(Strict):
    """Callers find the service by a record. Every ``every`` s there is a new plan of what it should hold. Each of
    ``writers`` takes the newest, sees that it is newer than the one in force, and puts it in force: that ``takes`` a
    while. Then it deletes those that are older by ``keep`` plans or more, ``cleaning`` s later.

    A plan that is deleted while it is in force leaves the record empty, and nobody but an intervention ``repair`` fills
    it again. With ``atomic`` a plan is compared with the one in force in the moment it is written. What callers know of
    the record is up to ``ttl`` s old.
    """

    writers: Annotated[int, Field(ge=1, le=100)] = 3
    every: PositiveSeconds
    takes: Annotated[Distribution, Field(discriminator="kind")]
    cleaning: Seconds = 0.0
    keep: Annotated[int, Field(ge=1)] = 3
    atomic: bool = False
    ttl: Seconds = 0.0


class Checkers(Strict):
    """Who makes the health checks of a service: each is a request to service ``source`` before the replica is asked.

    Each change in what is thought of a replica costs it ``change`` times the work of a check.
    """

    source: str
    change: Annotated[units.Number, Field(ge=0, allow_inf_nan=False)] = 0.0
