"""One sample a second of everything the charts show, worked out of the scrape pages of all targets.

``offered`` counts what load generators say is due, and the requests that ended at the edges of other callers; where no
caller tells, what arrives at the services. ``attempts`` and ``goodput`` (what ended well) are counted likewise. Rates
are per second; latencies are quantiles of the last second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from stormlab.telemetry import names

#: Seconds that are remembered.
MEMORY = 900
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Values: TypeAlias = dict[Key, float]
#: What the label `service` of callers says.
_GATEWAY, _LOAD = "gateway", "load"


def parse(text: str, target: str) -> Values:
    """The values of a scrape page, told apart by ``target``."""
    return {
        (sample.name, (*sorted(sample.labels.items()), ("target", target))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Sampler:
    """Turns two readings, a second apart, into one sample."""

    def __init__(self) -> None:
        self.samples: deque[dict[str, Any]] = deque(maxlen=MEMORY)
        self._last: Values | None = None
        self._at = 0.0

    def add(self, now: float, values: Values, faults: Iterable[str]) -> None:
        """Adds the reading of ``now``, s since the epoch."""
        if self._last is not None:
            last, seconds = self._last, max(now - self._at, 1e-3)
            grown = {key: max(0.0, value - last.get(key, value)) / seconds for key, value in values.items()}
            self.samples.append({"t": now, "faults": sorted(faults), **_sample(values, grown)})
        self._last, self._at = values, now

    def since(self, moment: float) -> list[dict[str, Any]]:
        return [sample for sample in self.samples if sample["t"] > moment]


def _sample(values: Values, grown: Values) -> dict[str, Any]:
    arrived = _sum(grown, names.REQUESTS, without=_GATEWAY)
    requests = _sum(grown, names.LOAD_OFFERED) + _sum(grown, names.EDGE_REQUESTS, without=_LOAD)
    edges = any(name == names.EDGE_REQUESTS for name, _ in values)
    offered = requests if edges else arrived
    attempts = _sum(grown, names.EDGE_ATTEMPTS) if edges else arrived
    good = _sum(grown, names.EDGE_REQUESTS, ending="ok") if edges else _answered(grown)
    return {
        "offered": offered,
        "attempts": attempts,
        "goodput": good,
        "amplification": attempts / offered if offered else None,
        "p50": _quantile(grown, 0.5),
        "p99": _quantile(grown, 0.99),
        "queue": _sum(values, names.QUEUE_DEPTH),
        "wasted": _sum(grown, names.WASTED),
        "breakers": _states(values),
    }


def _sum(values: Values, metric: str, *, without: str = "", **wanted: str) -> float:
    return sum(
        value
        for (name, labels), value in values.items()
        if name == metric and _fits(dict(labels), wanted) and dict(labels).get("service") != without
    )


def _fits(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def _answered(grown: Values) -> float:
    return sum(
        value
        for (name, labels), value in grown.items()
        if name == names.REQUESTS and dict(labels).get("status", "")[:1] in "24" and dict(labels).get("status") != "429"
    )


def _quantile(grown: Values, q: float) -> float | None:
    """Of the attempts that callers made where they are exposed, else of the requests at the services."""
    edges_known = any(name == f"{names.EDGE_ATTEMPT_SECONDS}_bucket" for name, _ in grown)
    histogram = names.EDGE_ATTEMPT_SECONDS if edges_known else names.REQUEST_SECONDS
    buckets: defaultdict[float, float] = defaultdict(float)
    for (name, labels), value in grown.items():
        if name == f"{histogram}_bucket":
            buckets[float(dict(labels)["le"])] += value
    edges = sorted(buckets)
    counts = [buckets[edge] for edge in edges]
    if not counts or counts[-1] <= 0:
        return None
    index = bisect_left(counts, q * counts[-1])
    low, below = (edges[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    high = edges[index] if edges[index] != float("inf") else low
    share = (q * counts[-1] - below) / max(counts[index] - below, 1e-9)
    return low + (high - low) * share


def _states(values: Values) -> dict[str, str]:
    found = {}
    for (name, labels), value in values.items():
        if name == names.EDGE_STATE and value == 1:
            known = dict(labels)
            found[f"{known['edge']} {known['policy']}"] = known["state"]
    return found
