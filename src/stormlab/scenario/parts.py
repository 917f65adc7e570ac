"""Smaller parts of services and clients: load-dependent service times, caches, and who asks for what."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from math import exp
from random import Random
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from stormlab import units
from stormlab.scenario.disturbances import PositiveSeconds, Seconds, Strict

#: More different keys or callers than this in one client are refused.
MOST_KEYS = 1_000_000

_Strength: TypeAlias = Annotated[units.Number, Field(ge=0, le=100)]


class ExponentialSlowdown(Strict):
    """A request that starts at utilisation u = busy ÷ workers, itself included, takes exp(``strength``·u) times as
    long: garbage collection under memory pressure, for example.
    """

    kind: Literal["exponential"]
    strength: _Strength

    def factor(self, utilisation: float, queue: int = 0) -> float:
        return exp(self.strength * utilisation)


class PowerSlowdown(Strict):
    """A request that starts at utilisation u = busy ÷ workers, itself included, takes 1 + ``strength``·u^``exponent``
    times as long: contention in a database, for example.
    """

    kind: Literal["power"]
    strength: _Strength
    exponent: Annotated[units.Number, Field(gt=0, le=10)] = 1.0

    def factor(self, utilisation: float, queue: int = 0) -> float:
        return 1 + self.strength * float(utilisation**self.exponent)


class QueueSlowdown(Strict):
    """A request that starts while q others wait takes 1 + ``per_request``·q times as long: a queue that lives in the
    database it is worked off with, for example.
    """

    kind: Literal["queue"]
    per_request: Annotated[units.Number, Field(ge=0, le=100)]

    def factor(self, utilisation: float, queue: int = 0) -> float:
        return 1 + self.per_request * queue


AnySlowdown: TypeAlias = ExponentialSlowdown | PowerSlowdown | QueueSlowdown
Slowdown: TypeAlias = Annotated[AnySlowdown, Field(discriminator="kind")]


@cache
def best_concurrency(slowdown: AnySlowdown | None, workers: int) -> float:
    """The most that ``workers`` achieve together, in workers that are not slowed down: max over n of n ÷ f(n/c).

    More concurrency than that gives less throughput.
    """
    if slowdown is None:
        return float(workers)
    return max((n / slowdown.factor(n / workers) for n in range(1, workers + 1)), default=0.0)


class Cache(Strict):
    """Answers that are kept for the next request with the same key, at most ``capacity`` of them, the least recently
    used making room.

    An answer is kept for ``ttl`` s, more or less by up to the share ``jitter`` of it, and for ever when that is absent;
    failures are not kept. ``coalesce`` lets one request per key through at a time; the others wait for its answer. With
    ``on_error = "delete"`` a failed lookup also removes what another one has put there meanwhile.
    """

    capacity: Annotated[int, Field(ge=1, le=MOST_KEYS)]
    ttl: PositiveSeconds | None = None
    jitter: Annotated[units.Number, Field(ge=0, lt=1)] = 0.0
    coalesce: bool = False
    on_error: Literal["keep", "delete"] = "keep"


class Buffer(Strict):
    """Takes calls over from the requests that make them, at most ``capacity`` of them: the request goes on at once.

    ``senders`` at a time are made, in the order they came; one that fails is made again ``retry`` s later. A call that
    finds the buffer full makes its request wait for room (``block``) or is lost (``drop``).
    """

    capacity: Annotated[int, Field(ge=1, le=1_000_000)]
    full: Literal["block", "drop"] = "block"
    senders: Annotated[int, Field(ge=1, le=1000)] = 1
    retry: Seconds = 1.0


class Lease(Strict):
    """A replica serves only while it holds a lease, which it gets and renews by a request to service ``source``.

    It asks every ``every`` s; an answer that is a failure or later than ``timeout`` s is none, and it asks again
    ``retry`` s later, 0.01 s at least. Without an answer in time it stops serving at once, or ``ttl`` s after the last
    renewal. Times between requests vary by ± ``jitter`` of themselves. To get a lease costs the source ``work`` times
    what it costs to renew one; at most ``rate`` replicas per s may ask for one that they do not hold.
    """

    source: str
    every: PositiveSeconds
    retry: Seconds
    timeout: PositiveSeconds
    ttl: PositiveSeconds | None = None
    jitter: Annotated[units.Number, Field(ge=0, lt=1)] = 0.1
    work: Annotated[units.Number, Field(gt=0, allow_inf_nan=False)] = 1.0
    rate: Annotated[units.PerSecond, Field(gt=0, allow_inf_nan=False)] | None = None


class UniformKeys(Strict):
    """``count`` of them, equally likely."""

    kind: Literal["uniform"]
    count: Annotated[int, Field(ge=1, le=MOST_KEYS)]

    def sampler(self, random: Random, prefix: str) -> Callable[[], str]:
        count = self.count
        return lambda: f"{prefix}{int(random.random() * count)}"


class ZipfKeys(Strict):
    """``count`` of them, the one of rank r with a probability proportional to r^-``exponent``."""

    kind: Literal["zipf"]
    count: Annotated[int, Field(ge=1, le=MOST_KEYS)]
    exponent: Annotated[units.Number, Field(ge=0, le=10)] = 1.0

    def sampler(self, random: Random, prefix: str) -> Callable[[], str]:
        sums = list(accumulate(rank**-self.exponent for rank in range(1, self.count + 1)))
        total = sums[-1]
        return lambda: f"{prefix}{bisect(sums, random.random() * total)}"


Keys: TypeAlias = Annotated[UniformKeys | ZipfKeys, Field(discriminator="kind")]
