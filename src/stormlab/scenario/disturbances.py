"""What goes wrong, and what operators do about it: the same vocabulary, on the same clock.

Faults are triggers; interventions are remedies. Both have a start ``at`` (s of scenario time) and, most of them, a
length ``for`` (s). Network toxics are those of Toxiproxy 2.12 (github.com/Shopify/toxiproxy#toxics).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stormlab import units

#: Nothing in a scenario lasts longer, in s: series have a row per second.
LONGEST = 1e6

Seconds: TypeAlias = Annotated[units.Seconds, Field(ge=0, le=LONGEST)]
PositiveSeconds: TypeAlias = Annotated[units.Seconds, Field(gt=0, le=LONGEST)]
Probability: TypeAlias = Annotated[units.Number, Field(ge=0, le=1)]
Factor: TypeAlias = Annotated[units.Number, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A value of the scenario file: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Through(Strict):
    """What operators have to get done before their intervention takes effect: ``steps`` requests to service ``service``
    one after the other, each answered within ``timeout`` s. After a failure they wait ``pause`` s and start over.
    """

    service: str
    steps: Annotated[int, Field(ge=1, le=1000)] = 1
    timeout: PositiveSeconds = 1.0
    pause: Seconds = 0.0

    @property
    def rest(self) -> float:
        """How long operators wait after a try that failed, in s; one that failed at once still takes a moment."""
        return max(self.pause, 0.001)


class Disturbance(Strict):
    """Something that happens to ``target`` from ``at`` on. It ends ``for`` s later, or with the run when none is given.

    An intervention with ``through`` takes effect only once its operators have got through.
    """

    name: str = ""
    at: Seconds
    lasting: PositiveSeconds | None = Field(default=None, alias="for")
    target: str
    through: Through | None = None

    @property
    def until(self) -> float:
        return self.at + self.lasting if self.lasting is not None else float("inf")

    @property
    def label(self) -> str:
        kind: str = getattr(self, "kind", "")
        return self.name or f"{kind} {self.target}"


class LoadSpike(Disturbance):
    """The demand of client ``target`` multiplied by ``factor``."""

    kind: Literal["load-spike"]
    factor: Factor


class Burst(Disturbance):
    """Client ``target`` makes ``requests`` further requests, all at once; takes no ``for``."""

    kind: Literal["burst"]
    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    lasting: None = Field(default=None, alias="for")

    @property
    def until(self) -> float:
        return self.at


class Capacity(Disturbance):
    """Service ``target`` works at ``speed`` times its normal rate, with ``workers`` workers per replica and/or with
    ``replicas`` replicas: those that are added start as any does, those that are too many end, the last ones first.
    """

    kind: Literal["capacity"]
    speed: Factor | None = None
    workers: Annotated[int, Field(ge=1)] | None = None
    replicas: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Capacity:
        if self.speed is None and self.workers is None and self.replicas is None:
            raise ValueError("a capacity change needs speed, workers or replicas")
        return self


class RequestErrors(Disturbance):
    """A request to service ``target`` fails at once with ``probability``, answered with HTTP ``status``.

    With ``replica`` only that replica does it, after it has been chosen for the request.
    """

    kind: Literal["error"]
    probability: Probability
    status: Annotated[int, Field(ge=400, le=599)] = 503
    replica: Annotated[int, Field(ge=0)] | None = None


class RequestDelay(Disturbance):
    """A request to service ``target`` is held for ``delay`` s with ``probability`` before it is looked at."""

    kind: Literal["delay"]
    probability: Probability = 1.0
    delay: PositiveSeconds


class Poison(Disturbance):
    """A request kills the replica of service ``target`` that takes it, with ``probability``; ``restart`` s later the
    replica is started again. A defect that some input brings out, for example.
    """

    kind: Literal["poison"]
    probability: Probability = 1.0
    restart: Seconds = 1.0


class Restart(Disturbance):
    """Every replica of service ``target`` is ended and started again, ``rate`` of them per s; those that are not fit to
    serve come first. Takes no ``for``.
    """

    kind: Literal["restart"]
    rate: Annotated[units.PerSecond, Field(gt=0, allow_inf_nan=False)]
    lasting: None = Field(default=None, alias="for")

    @property
    def until(self) -> float:
        return self.at


class Misjudge(Disturbance):
    """A health check of a ``share`` of the replicas of service ``target`` fails with ``probability``, though they are
    well.
    """

    kind: Literal["misjudge"]
    share: Probability = 1.0
    probability: Probability = 0.5


class Stall(Disturbance):
    """The first of the writers of the record of service ``target`` is held up ``for`` s in the middle of its work."""

    kind: Literal["stall"]
    lasting: PositiveSeconds = Field(alias="for")


class Repair(Disturbance):
    """Somebody fills the record of service ``target`` by hand. Takes no ``for``."""

    kind: Literal["repair"]
    lasting: None = Field(default=None, alias="for")

    @property
    def until(self) -> float:
        return self.at


class Stop(Disturbance):
    """Replica ``replica`` of service ``target`` (all when absent) ends at once and is started again afterwards."""

    kind: Literal["stop"]
    replica: Annotated[int, Field(ge=0)] | None = None


class Pause(Disturbance):
    """Replica ``replica`` of service ``target`` (all when absent) is frozen: it accepts and does not answer."""

    kind: Literal["pause"]
    replica: Annotated[int, Field(ge=0)] | None = None


class Flush(Disturbance):
    """The caches that service ``target`` keeps in front of its dependencies lose ``share`` of their entries.

    All at once, or evenly over the time of the flush when it has a ``for``: as when their nodes are replaced by empty
    ones, one after the other.
    """

    kind: Literal["flush"]
    share: Probability = 1.0

    @property
    def until(self) -> float:
        return self.at + (self.lasting or 0.0)


class Invalidate(Disturbance):
    """What the caches of service ``target`` hold, and what they are given meanwhile, is judged invalid: every lookup
    goes on to the dependency. Afterwards the caches are empty.
    """

    kind: Literal["invalidate"]


class Purge(Disturbance):
    """The requests that wait in service ``target`` are thrown away, the oldest first, up to ``keep`` of them.

    Their callers hear nothing unless ``answer`` is true: then they get an error. Takes no ``for``.
    """

    kind: Literal["purge"]
    keep: Annotated[int, Field(ge=0)] = 0
    answer: bool = True
    lasting: None = Field(default=None, alias="for")

    @property
    def until(self) -> float:
        return self.at


class Isolate(Disturbance):
    """A ``share`` of the replicas of service ``target`` cannot reach anything they call; afterwards those of them that
    hold a lease ask for it at once.
    """

    kind: Literal["isolate"]
    share: Probability = 1.0


class Change(Disturbance):
    """Keys of the scenario that have other values meanwhile; ``target`` is the dotted path of the table they are in.

    What can change during a run: ``workers``, ``queue.limit``, ``startup.rate``, ``lease.rate``, ``panic.threshold``
    and ``panic.action`` of a service, and ``policies`` of a client, as a whole or one parameter of one policy
    (``target = "clients.web.policies.retry"``).
    """

    kind: Literal["change"]
    set: dict[str, Any]


class Block(Disturbance):
    """A ``share`` of the requests of client ``target`` is turned away at the edge, before anything is sent.

    With ``to`` the share moves evenly from one to the other over the time of the block. A ``target`` that is a service
    has the requests for its leases held back.
    """

    kind: Literal["block"]
    share: Probability = 1.0
    to: Probability | None = None

    @model_validator(mode="after")
    def _ends(self) -> Block:
        if self.to is not None and self.lasting is None:
            raise ValueError("a block that moves to another share needs for")
        return self

    def share_at(self, now: float) -> float:
        """The share at time ``now`` in s, which must be a time of the block."""
        if self.to is None or self.lasting is None:
            return self.share
        done = min(max((now - self.at) / self.lasting, 0.0), 1.0)
        return self.share + done * (self.to - self.share)


class Toxic(Disturbance):
    """Something that the network between the callers and service ``target`` does to connections.

    ``toxicity`` is the share of connections that are hit, drawn once per connection.
    """

    toxicity: Probability = 1.0
    stream: Literal["upstream", "downstream"] = "downstream"


class Latency(Toxic):
    """Data is delayed by ``latency`` ± ``jitter`` s."""

    kind: Literal["latency"]
    latency: Seconds
    jitter: Seconds = 0.0


class Bandwidth(Toxic):
    """Data passes at ``rate`` kB/s."""

    kind: Literal["bandwidth"]
    rate: Annotated[units.KilobytesPerSecond, Field(gt=0, allow_inf_nan=False)]


class SlowClose(Toxic):
    """Connections close ``delay`` s late."""

    kind: Literal["slow-close"]
    delay: Seconds


class Blackhole(Toxic):
    """Data is swallowed; connections close after ``timeout`` s, or never when it is 0."""

    kind: Literal["timeout"]
    timeout: Seconds = 0.0


class ResetPeer(Toxic):
    """Connections are reset ``timeout`` s after data arrives."""

    kind: Literal["reset-peer"]
    timeout: Seconds = 0.0


class Slicer(Toxic):
    """Data is cut into pieces of ``average_size`` ± ``size_variation`` bytes, ``delay`` s apart."""

    kind: Literal["slicer"]
    average_size: Annotated[int, Field(gt=0)]
    size_variation: Annotated[int, Field(ge=0)] = 0
    delay: Seconds = 0.0


class LimitData(Toxic):
    """Connections close after ``bytes`` bytes."""

    kind: Literal["limit-data"]
    bytes: Annotated[int, Field(ge=0)]


class Down(Disturbance):
    """The network path to service ``target`` is gone: connections are refused."""

    kind: Literal["down"]


AnyDisturbance: TypeAlias = Annotated[
    LoadSpike
    | Burst
    | Capacity
    | RequestErrors
    | RequestDelay
    | Poison
    | Restart
    | Misjudge
    | Stall
    | Repair
    | Stop
    | Pause
    | Flush
    | Invalidate
    | Purge
    | Isolate
    | Change
    | Block
    | Latency
    | Bandwidth
    | SlowClose
    | Blackhole
    | ResetPeer
    | Slicer
    | LimitData
    | Down,
    Field(discriminator="kind"),
]
