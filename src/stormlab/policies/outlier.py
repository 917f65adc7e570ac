"""Take replicas that answer worse than the others out of rotation for a while, judged by the traffic itself.

The rules and defaults are those of Envoy's outlier detection (envoyproxy.io, outlier): failures in a row eject at once;
at the end of every interval a success rate below mean - 1.9 σ of all replicas, or a share of failures, ejects as
well. The n-th ejection in a row lasts n times the base, and only so many replicas are out at the same time: when all
fail alike, the replicas are not what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, pstdev
from types import MappingProxyType
from typing import ClassVar

from stormlab.outcome import Ending, Outcome
from stormlab.policies.base import RandomSource
from stormlab.policies.checks import at_least, count, fraction, not_negative, positive
from stormlab.units import Number, Seconds

#: What Envoy counts as gateway failures: HTTP 502, 503, 504 and connections that broke or were refused.
_GATEWAY = frozenset({Ending.OVERLOADED, Ending.TIMEOUT})
_CONNECTION = frozenset({"connection-refused", "connection-lost"})


class Place(StrEnum):
    """Whether a replica takes part."""

    IN_ROTATION = "in-rotation"
    EJECTED = "ejected"


class Signal(StrEnum):
    OUTLIER = "fails more than the others"
    SERVED = "ejection time over"


#: The whole state machine of one replica.
TRANSITIONS: Mapping[tuple[Place, Signal], Place] = MappingProxyType(
    {
        (Place.IN_ROTATION, Signal.OUTLIER): Place.EJECTED,
        (Place.EJECTED, Signal.SERVED): Place.IN_ROTATION,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierEjection:
    """Ejects a replica after ``consecutive`` failures in a row, or at the end of an ``interval`` by comparison.

    The n-th ejection in a row lasts n·``base_ejection`` s, at most ``max_ejection``; an interval in rotation takes one
    off n. At most the share ``max_ejected`` of the replicas is out, but one always may be. The rules apply
    with the probabilities ``enforcing_…``: ``gateway_failures`` in a row (time-outs, overloads, broken connections);
    a success rate below mean - ``stdevs``·σ, over ``success_rate_hosts`` replicas with ``success_rate_requests`` each;
    a share of failures of ``failure_share``, over ``failure_share_hosts`` with ``failure_share_requests`` each.
    """

    kind: ClassVar[str] = "outlier-ejection"
    consecutive: int = 5
    interval: Seconds = 10.0
    base_ejection: Seconds = 30.0
    max_ejection: Seconds = 300.0
    max_ejected: Number = 0.1
    enforcing_consecutive: Number = 1.0
    gateway_failures: int = 5
    enforcing_gateway: Number = 0.0
    success_rate_hosts: int = 5
    success_rate_requests: int = 100
    stdevs: Number = 1.9
    enforcing_success_rate: Number = 1.0
    failure_share: Number = 0.85
    failure_share_hosts: int = 5
    failure_share_requests: int = 50
    enforcing_failure_share: Number = 0.0

    def __post_init__(self) -> None:
        for name in ("consecutive", "gateway_failures", "success_rate_hosts", "success_rate_requests"):
            count(name, getattr(self, name), least=1)
        for name in ("failure_share_hosts", "failure_share_requests"):
            count(name, getattr(self, name), least=1)
        positive("interval", self.interval)
        positive("base_ejection", self.base_ejection)
        at_least("max_ejection", self.max_ejection, self.base_ejection)
        not_negative("stdevs", self.stdevs)
        for name in ("max_ejected", "failure_share", "enforcing_consecutive", "enforcing_gateway"):
            fraction(name, getattr(self, name))
        for name in ("enforcing_success_rate", "enforcing_failure_share"):
            fraction(name, getattr(self, name))


class _Host:
    """What is known of one replica."""

    __slots__ = ("failed", "failures", "gateway", "place", "times", "total", "until")

    def __init__(self) -> None:
        self.place = Place.IN_ROTATION
        self.failures = self.gateway = self.times = self.total = self.failed = 0
        self.until = 0.0

    @property
    def success_rate(self) -> float:
        return 1 - self.failed / self.total


class Ejector:
    """Judges ``size`` replicas; ``moved`` is told ``(now, replica, before, after)``."""

    def __init__(
        self,
        config: OutlierEjection,
        size: int,
        random: RandomSource,
        moved: Callable[[float, int, Place, Place], None] = lambda now, replica, before, after: None,
    ) -> None:
        self._config = config
        self._random = random
        self._moved = moved
        self._hosts = [_Host() for _ in range(size)]
        self._most = max(1, int(config.max_ejected * size))
        self._due = config.interval
        self.ejected: frozenset[int] = frozenset()

    def record(self, now: float, replica: int, outcome: Outcome) -> None:
        """A request to ``replica`` ended."""
        self.advance(now)
        host, config = self._hosts[replica], self._config
        failed = outcome.transient
        host.total += 1
        host.failed += failed
        host.failures = host.failures + 1 if failed else 0
        host.gateway = host.gateway + 1 if failed and _of_gateway(outcome) else 0
        rules = (
            (host.failures, config.consecutive, config.enforcing_consecutive),
            (host.gateway, config.gateway_failures, config.enforcing_gateway),
        )
        if any(in_a_row >= most and self._enforced(enforcing) for in_a_row, most, enforcing in rules):
            self._eject(now, replica)

    def advance(self, now: float) -> None:
        """Close every interval that is over: replicas come back and are compared at the ends of intervals only."""
        while self._due <= now:
            self._close(self._due)
            self._due += self._config.interval
            if self._due <= now and not self.ejected and not any(host.total or host.times for host in self._hosts):
                self._due += self._config.interval * ((now - self._due) // self._config.interval)

    def _close(self, now: float) -> None:
        for replica, host in enumerate(self._hosts):
            if host.place is Place.EJECTED and now >= host.until:
                self._move(now, replica, Signal.SERVED)
            elif host.place is Place.IN_ROTATION and host.times:
                host.times -= 1
        for replica in self._outliers():
            self._eject(now, replica)
        for host in self._hosts:
            host.total = host.failed = 0

    def _outliers(self) -> list[int]:
        config, found = self._config, list[int]()
        seen = self._with(config.success_rate_requests)
        if len(seen) >= config.success_rate_hosts and self._enforced(config.enforcing_success_rate):
            rates = [self._hosts[replica].success_rate for replica in seen]
            least = fmean(rates) - config.stdevs * pstdev(rates)
            found += [replica for replica, rate in zip(seen, rates, strict=True) if rate < least]
        seen = self._with(config.failure_share_requests)
        if len(seen) >= config.failure_share_hosts and self._enforced(config.enforcing_failure_share):
            found += [replica for replica in seen if 1 - self._hosts[replica].success_rate >= config.failure_share]
        return found

    def _with(self, requests: int) -> list[int]:
        """The replicas in rotation that got at least so many ``requests`` in this interval."""
        hosts = enumerate(self._hosts)
        return [replica for replica, host in hosts if host.place is Place.IN_ROTATION and host.total >= requests]

    def _enforced(self, probability: float) -> bool:
        return probability > 0 and (probability >= 1 or self._random.random() < probability)

    def _eject(self, now: float, replica: int) -> None:
        host = self._hosts[replica]
        if host.place is Place.EJECTED or len(self.ejected) >= self._most:
            return
        host.times += 1
        host.until = now + min(self._config.max_ejection, host.times * self._config.base_ejection)
        self._move(now, replica, Signal.OUTLIER)

    def _move(self, now: float, replica: int, signal: Signal) -> None:
        host = self._hosts[replica]
        before, host.place = host.place, TRANSITIONS[host.place, signal]
        host.failures = host.gateway = 0
        self.ejected ^= {replica}
        self._moved(now, replica, before, host.place)


def _of_gateway(outcome: Outcome) -> bool:
    return outcome.ending in _GATEWAY or outcome.reason in _CONNECTION
