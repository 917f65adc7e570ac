"""What happens on the edges of a caller, as Prometheus figures: one listener for attempts, states and limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from opentelemetry.trace import get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from stormlab.events import AttemptEnded, Event, FellBack, HedgeStarted, LimitChanged, RetrySuppressed, StateChanged
from stormlab.outcome import Outcome
from stormlab.policies import (
    AimdLimit,
    BotocoreBudget,
    CircuitBreaker,
    ConsecutiveBreaker,
    Deadline,
    EnvoyBudget,
    FinagleBudget,
    GradientLimit,
    GrpcBudget,
    Policy,
    RetryBreaker,
    RetryBudget,
    RetryRatio,
    VegasLimit,
)
from stormlab.policies.breaker import State
from stormlab.policies.budget import OVERDRAWN
from stormlab.telemetry import names
from stormlab.telemetry.tracing import exemplar

_BUDGETS = BotocoreBudget | EnvoyBudget | FinagleBudget | GrpcBudget | RetryBreaker | RetryBudget | RetryRatio


class EdgeMetrics:
    """The listener of all edges of ``service``; also the collector of what is worked out at a scrape."""

    def __init__(self, *, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        edge = ["service", "edge"]
        self._requests = Counter(
            names.EDGE_REQUESTS, "requests ended; goodput is ok", [*edge, "ending"], registry=registry
        )
        self._attempts = Counter(names.EDGE_ATTEMPTS, "attempts ended", [*edge, "ending"], registry=registry)
        self._seconds = Histogram(
            names.EDGE_ATTEMPT_SECONDS, "time of an attempt in s", edge, registry=registry, buckets=names.BUCKETS
        )
        self._suppressed = Counter(
            names.EDGE_RETRIES_SUPPRESSED, "retries and hedges forbidden", [*edge, "reason"], registry=registry
        )
        self._hedges = Counter(names.EDGE_HEDGES, "hedges sent", edge, registry=registry)
        self._fallbacks = Counter(names.EDGE_FALLBACKS, "failures replaced by older answers", edge, registry=registry)
        self._state = Gauge(names.EDGE_STATE, "1 for the state it is in", [*edge, "policy", "state"], registry=registry)
        self._limit = Gauge(names.EDGE_LIMIT, "concurrent calls allowed now", [*edge, "policy"], registry=registry)
        self._tries: defaultdict[str, int] = defaultdict(int)
        self._ends: defaultdict[str, int] = defaultdict(int)
        registry.register(self)

    def introduce(self, edge: str, policies: Sequence[Policy]) -> None:
        """Shows the states and limits that ``policies`` begin in, and 0 of what they may forbid."""
        for policy in policies:
            match policy:
                case CircuitBreaker() | ConsecutiveBreaker():
                    for state in State:
                        self._state.labels(self._service, edge, policy.kind, state).set(state is State.CLOSED)
                case AimdLimit() | GradientLimit() | VegasLimit():
                    self._limit.labels(self._service, edge, policy.kind).set(policy.initial)
                case Deadline():
                    self._suppressed.labels(self._service, edge, policy.kind)
                case _ if isinstance(policy, _BUDGETS):
                    self._suppressed.labels(self._service, edge, OVERDRAWN.reason)

    def request_ended(self, edge: str, outcome: Outcome) -> None:
        self._ends[edge] += 1
        self._requests.labels(self._service, edge, outcome.ending.value).inc()

    def __call__(self, event: Event) -> None:
        match event:
            case AttemptEnded(_, edge, _, seconds, outcome):
                self._tries[edge] += 1
                self._attempts.labels(self._service, edge, outcome.ending.value).inc()
                self._seconds.labels(self._service, edge).observe(seconds, exemplar(get_current_span()))
            case RetrySuppressed(_, edge, _, reason):
                self._suppressed.labels(self._service, edge, reason).inc()
            case HedgeStarted(_, edge, _):
                self._hedges.labels(self._service, edge).inc()
            case FellBack(_, edge, _, _):
                self._fallbacks.labels(self._service, edge).inc()
            case StateChanged(_, edge, policy, before, after):
                self._state.labels(self._service, edge, policy, before).set(0)
                self._state.labels(self._service, edge, policy, after).set(1)
            case LimitChanged(_, edge, policy, _, after):
                self._limit.labels(self._service, edge, policy).set(after)

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            names.EDGE_AMPLIFICATION, "attempts per request since the start", labels=["service", "edge"]
        )
        for edge, ends in self._ends.items():
            family.add_metric([self._service, edge], self._tries[edge] / ends)
        yield family
