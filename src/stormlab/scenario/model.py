"""The typed scenario: what the system is, who calls it with which policies, what goes wrong when, what must hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stormlab import units
from stormlab.errors import InvalidValue
from stormlab.policies import HealthCheck, OutlierEjection, Panic
from stormlab.policies.balancing import Balancing
from stormlab.policies.queueing import INTERVAL, TARGET
from stormlab.scenario.changes import changed
from stormlab.scenario.complaints import Contradictions
from stormlab.scenario.consistency import contradictions
from stormlab.scenario.distributions import Distribution, Fixed
from stormlab.scenario.disturbances import LONGEST, AnyDisturbance, Change, PositiveSeconds, Seconds, Strict
from stormlab.scenario.external import address
from stormlab.scenario.parts import Buffer, Cache, Keys, Lease, Slowdown, best_concurrency
from stormlab.scenario.paths import near
from stormlab.scenario.patterns import GuardSpec, PolicySpec
from stormlab.scenario.processes import Autoscale, Checkers, Crash, Peers, Record, Startup
from stormlab.scenario.vocabulary import CLIENT_MEASURES, MEASURE_UNITS, ONLY_OF_SERVICES, SERVICE_MEASURES, Word

AnyDistribution: TypeAlias = Annotated[Distribution, Field(discriminator="kind")]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Rate: TypeAlias = Annotated[units.PerSecond, Field(gt=0, allow_inf_nan=False)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Url: TypeAlias = Annotated[str, AfterValidator(lambda url: str(address(url)))]


class Queue(Strict):
    """Where requests wait for a worker: at most ``limit`` of them.

    Served first is the oldest (``fifo``), the newest (``lifo``), or the newest once a queue has not been empty for
    ``interval`` s (``adaptive-lifo``). ``codel`` and ``codel-lifo`` are ``fifo`` and ``adaptive-lifo`` that turn away
    who has waited ``interval`` s, or ``target`` s while a queue has not been empty for ``interval`` s. Who is turned
    away is asked to come back after ``retry_after`` s; with 0 nothing is said.
    """

    limit: Annotated[int, Field(ge=0)] = 1000
    discipline: Literal["fifo", "lifo", "adaptive-lifo", "codel", "codel-lifo"] = "fifo"
    target: PositiveSeconds = TARGET
    interval: PositiveSeconds = INTERVAL
    retry_after: Seconds = 0.0


class Dependency(Strict):
    """A call that a service makes, holding its worker, to another service for every request it serves.

    A ``cache``, shared by all replicas, answers what it knows before the policies are asked. ``fan_out`` calls are
    made at the same time, all of which must succeed: a query to every shard, for example. A request does not fail
    with a call that is ``optional``, though it waits for it; it does not even wait for one that has a ``buffer``.
    """

    target: Name
    policies: tuple[PolicySpec, ...] = ()
    latency: Seconds = 0.0
    cache: Cache | None = None
    fan_out: Annotated[int, Field(ge=1, le=1000)] = 1
    optional: bool = False
    buffer: Buffer | None = None


class Service(Strict):
    """``replicas`` × ``workers`` workers, each busy for a drawn ``service_time`` per request.

    ``balancing`` chooses the replica: in turn, the one with the fewest requests under way, or the better of two at
    random. ``outlier`` takes those out of rotation that fail more than the others, ``health`` those that fail health
    checks; ``panic`` says what happens when too few are left. ``guards`` stand at the door of every replica, the
    outermost first: they admit a request, ask for a cheaper answer, or refuse it before it costs anything.
    With ``optimistic`` requests are transactions that conflict: one succeeds only if no other with the same key has
    succeeded since it arrived. A ``url`` says that the service is running already, on this machine: a live run sends
    its requests there, and all other keys describe the model that the simulation plays.
    """

    url: Url | None = None
    workers: Count
    service_time: AnyDistribution
    slowdown: Slowdown | None = None
    queue: Queue = Queue()
    replicas: Count = 1
    balancing: Balancing = "round-robin"
    outlier: OutlierEjection | None = None
    health: HealthCheck | None = None
    panic: Panic = Panic()
    calls: tuple[Dependency, ...] = ()
    guards: tuple[GuardSpec, ...] = ()
    lease: Lease | None = None
    startup: Startup | None = None
    crash: Crash | None = None
    peers: Peers | None = None
    autoscale: Autoscale | None = None
    record: Record | None = None
    checkers: Checkers | None = None
    optimistic: bool = False

    @property
    def may_be_unfit(self) -> bool:
        """Whether a replica may be unable to serve for other reasons than that somebody has stopped it."""
        return any(part is not None for part in (self.lease, self.startup, self.crash, self.peers, self.autoscale))

    @property
    def capacity(self) -> float:
        """Requests per s that all replicas together can finish, at the concurrency that is best for them."""
        return self.capacity_of(self.replicas * best_concurrency(self.slowdown, self.workers))

    def capacity_of(self, workers: float) -> float:
        """Requests per s that so many undisturbed workers can finish."""
        mean = self.service_time.mean
        return workers / mean if mean > 0 else float("inf")


class Poisson(Strict):
    """Open loop: requests arrive at random, ``rate`` per s, whether or not earlier ones have been answered."""

    kind: Literal["poisson"]
    rate: Rate


class Paced(Strict):
    """Open loop: requests arrive evenly spaced, ``rate`` per s."""

    kind: Literal["paced"]
    rate: Rate


class Trace(Strict):
    """Open loop: requests arrive at the recorded ``times`` (s of scenario time)."""

    kind: Literal["trace"]
    times: tuple[Seconds, ...]

    @model_validator(mode="after")
    def _ascend(self) -> Trace:
        if any(later < earlier for earlier, later in pairwise(self.times)):
            raise InvalidValue("times", "they must ascend; sort them")
        return self


class Closed(Strict):
    """Closed loop: ``users`` who each wait for the answer, think, and ask again."""

    kind: Literal["closed"]
    users: Count
    think_time: AnyDistribution = Fixed(mean=1.0)


Arrivals: TypeAlias = Annotated[Poisson | Paced | Trace | Closed, Field(discriminator="kind")]


class Client(Strict):
    """Who calls ``target``, how often, and with which policies, the outermost first.

    ``shape`` is a list of ``[time in s, factor]`` between which the arrival rate (or the number of users) is
    interpolated linearly; ``latency`` is the network round trip in s. ``keys`` says what the requests are about, for
    caches; ``callers`` on whose behalf they come; ``priority`` 0 is the most important, larger numbers are shed first.
    With ``idempotency_keys`` all tries of a request carry the same key, of its own.
    """

    target: Name
    arrivals: Arrivals
    policies: tuple[PolicySpec, ...] = ()
    shape: tuple[tuple[Seconds, Annotated[units.Number, Field(ge=0, allow_inf_nan=False)]], ...] = ()
    latency: Seconds = 0.0
    keys: Keys | None = None
    callers: Keys | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] = 1
    idempotency_keys: bool = False

    @model_validator(mode="after")
    def _shape_ascends(self) -> Client:
        times = [time for time, _ in self.shape]
        if times != sorted(times):
            raise InvalidValue("shape", "its times must ascend")
        return self


class RunSettings(Strict):
    """How long, how often and how fast.

    ``warmup`` s at the start belong to no baseline. ``recover_within`` s after the last trigger separate *recovered*
    from *recovered-late*. ``live_speed`` compresses time in the live world: 2 plays two scenario seconds in one.
    """

    duration: PositiveSeconds
    warmup: Seconds = 5.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    recover_within: PositiveSeconds = 60.0
    live_speed: Annotated[float, units.Unit("s/s", 1), Field(gt=0, allow_inf_nan=False)] = 1.0


WindowName: TypeAlias = Literal["baseline", "fault", "after", "end"]


def _window(value: Any) -> Any:
    """Told in one message, where a union would complain once for each of its members."""
    names = get_args(WindowName)
    if isinstance(value, str) and value in names:
        return value
    numbers = isinstance(value, list | tuple) and all(type(one) in (int, float) for one in value)
    if numbers and len(value) == 2 and 0 <= value[0] < value[1] <= LONGEST:
        return tuple(value)
    hint = near(value, names) if isinstance(value, str) else ""
    raise ValueError(f"a window is one of {', '.join(names)}, or [from, to] in s, not {value!r}{hint}")


Window: TypeAlias = Annotated[WindowName | tuple[Seconds, PositiveSeconds], BeforeValidator(_window)]

#: A bound has the unit of the measure it bounds.
Bound: TypeAlias = Annotated[float, units.Unit("of the measure", 0), Field(allow_inf_nan=False)]


class Expectation(Strict):
    """A bound on one measure in one window, or on the verdict.

    ``verdict`` lists the words that are acceptable. Otherwise ``measure`` in ``window`` must lie within
    ``min`` … ``max``; ``time_to_recover`` has no window. ``share`` is the fraction of seeds in which it must hold.
    With ``client`` only the requests of that client are measured: their rates and ratios; with ``service`` one service.
    """

    name: str = ""
    verdict: tuple[Word, ...] | None = None
    measure: str | None = None
    window: Window = "after"
    client: Name | None = None
    service: Name | None = None
    min: Bound | None = None
    max: Bound | None = None
    share: Annotated[units.Number, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _complete(self) -> Expectation:
        if bool(self.verdict) == (self.measure is not None):
            raise ValueError("an expectation needs either verdict or measure")
        if self.measure is not None and self.min is None and self.max is None:
            raise ValueError("an expectation on a measure needs min, max or both")
        if self.measure is not None and self.measure not in MEASURE_UNITS:
            known = ", ".join(MEASURE_UNITS)
            problem = f"there is no measure {self.measure!r}{near(self.measure, MEASURE_UNITS)} (there is: {known})"
            raise InvalidValue("measure", problem)
        if self.client is not None and self.measure not in CLIENT_MEASURES:
            raise InvalidValue("client", f"of one client only these are measured: {', '.join(CLIENT_MEASURES)}")
        if self.service is not None and self.measure not in SERVICE_MEASURES:
            raise InvalidValue("service", f"of one service only these are measured: {', '.join(SERVICE_MEASURES)}")
        if self.measure in ONLY_OF_SERVICES and self.service is None:
            raise InvalidValue("measure", f"{self.measure!r} is measured of one service; name it with service")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidValue("min", f"must not be above max ({self.max:g}), not {self.min:g}")
        return self


class Moment(Strict):
    """Something that is on record about the incident a scenario is modelled on: what happened ``at`` s."""

    at: Seconds
    what: str
    clock: str = ""


class Scenario(Strict):
    """One scenario file, one variant of it chosen and overrides applied.

    The ``timeline`` has no influence on anything: figures mark it.
    """

    name: str = ""
    variant: str = ""
    title: str
    description: str = ""
    run: RunSettings
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    clients: Annotated[dict[Name, Client], Field(min_length=1)]
    faults: tuple[AnyDisturbance, ...] = ()
    interventions: tuple[AnyDisturbance, ...] = ()
    expect: tuple[Expectation, ...] = ()
    timeline: tuple[Moment, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        found = contradictions(self)
        if found:
            raise Contradictions(found)
        return self

    def changed(self, change: Change) -> Scenario:
        """The scenario as it is while ``change`` is active; see :func:`stormlab.scenario.changes.changed`."""
        return changed(self, change)

    @property
    def trigger_start(self) -> float:
        """When the first fault begins, in s; the end of the run when there is none."""
        return min((fault.at for fault in self.faults), default=self.run.duration)

    @property
    def trigger_end(self) -> float:
        """When the last fault is over, in s; the end of the run when there is none or one does not end."""
        return min(max((fault.until for fault in self.faults), default=self.run.duration), self.run.duration)
