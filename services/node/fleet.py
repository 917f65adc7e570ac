"""The replicas of one process taken together: what is told of them, and what is changed in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import Metric

from services.common.metrics import counter, gauge
from services.node.cache import Cache
from services.node.replica import Replica
from stormlab.telemetry import names


class Fleet:
    """Figures are sums, but for those of one replica: ``workers``, ``speed`` and ``queue_limit``."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.replicas = replicas
        self._capacities = [replica.capacity for replica in replicas]

    @property
    def workers(self) -> int:
        return self._capacities[0].workers

    @property
    def speed(self) -> float:
        return self._capacities[0].speed

    @property
    def queue_limit(self) -> int:
        return self._capacities[0].queue_limit

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self._capacities)

    @property
    def busy(self) -> int:
        return sum(one.busy for one in self._capacities)

    @property
    def per_second(self) -> float:
        """What those can finish in a second that are fit to serve."""
        return sum(replica.capacity.per_second for replica in self.replicas if not replica.unfit)

    @property
    def arrivals(self) -> int:
        return sum(one.arrivals for one in self._capacities)

    @property
    def completions(self) -> int:
        return sum(one.completions for one in self._capacities)

    @property
    def rejected(self) -> int:
        return sum(one.rejected for one in self._capacities)

    @property
    def degraded(self) -> int:
        return sum(one.degraded for one in self._capacities)

    @property
    def wasted(self) -> int:
        return sum(one.wasted for one in self._capacities)

    @property
    def service_seconds(self) -> float:
        return sum(one.service_seconds for one in self._capacities)

    @property
    def in_service(self) -> float:
        """The share of the replicas that hold the lease they need."""
        return sum(not replica.unfit for replica in self.replicas) / len(self.replicas)

    def change(self, *, workers: int | None = None, speed: float | None = None, queue_limit: int | None = None) -> None:
        for one in self._capacities:
            one.change(workers=workers, speed=speed, queue_limit=queue_limit)

    def restore(self) -> None:
        for one in self._capacities:
            one.restore()

    def configure(self, workers: int) -> None:
        for one in self._capacities:
            one.configure(workers)

    def purge(self, *, keep: int = 0, told: bool = True) -> int:
        return sum(one.purge(keep=keep, told=told) for one in self._capacities)


class FleetMetrics:
    """A Prometheus collector of the share in service and of the caches."""

    def __init__(self, fleet: Fleet, caches: Sequence[Cache], *, service: str) -> None:
        self._fleet, self._caches, self._service = fleet, caches, service

    def collect(self) -> Iterator[Metric]:
        service, caches = self._service, self._caches
        yield gauge(names.IN_SERVICE, "share of the replicas that may serve", service, self._fleet.in_service)
        if caches:
            hits, lookups = sum(one.hits for one in caches), sum(one.lookups for one in caches)
            yield gauge(names.CACHE_ENTRIES, "answers kept", service, sum(len(one) for one in caches))
            yield counter(names.CACHE_HITS, "lookups that found something", service, hits)
            yield counter(names.CACHE_MISSES, "lookups that found nothing", service, lookups - hits)
