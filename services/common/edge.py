"""One edge of a caller: an upstream with its policies, its replicas, and the checks of their health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from random import Random

import aiohttp
import structlog
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind
from opentelemetry.util.types import AttributeValue
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from services.common.exchange import Asked, Distant, Exchange, HttpExchange
from services.common.health import Finding, Status
from services.common.upstream import Upstream
from stormlab.drivers.aio import Pipeline
from stormlab.effects import PLAIN, Request
from stormlab.events import Event, StateChanged
from stormlab.outcome import Outcome
from stormlab.policies import HealthCheck, Pool
from stormlab.policies.pool import Mood
from stormlab.telemetry import names
from stormlab.telemetry.edges import EdgeMetrics
from stormlab.telemetry.tracing import Tracing, propagate

logger = structlog.get_logger()


class Edge:
    """Calls ``upstream``; `start` it on the loop that serves, and `close` it there.

    Args:
        largest: bytes of an answer.
        seed: of jitter and of drawn choices.
        carry: the headers that tell the upstream more of a request than its attempt and its deadline.
        latency: a longer way there and back, in s.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        *,
        metrics: EdgeMetrics,
        tracing: Tracing,
        largest: int,
        seed: int,
        carry: Callable[[Request], Mapping[str, str]] = lambda _request: {},
        latency: float = 0.0,
    ) -> None:
        self._latency = latency
        self._carry = carry
        self.name, self.upstream = name, upstream
        self._metrics, self._tracing, self._largest = metrics, tracing, largest
        self.unwell: set[int] = set()
        self._pool = Pool(
            len(upstream.replicas),
            random=Random(f"{seed}:{name}:balancing"),
            balancing=upstream.balancing,
            outlier=upstream.outlier,
            health=upstream.health,
            panic=upstream.panic,
            listener=self._hear,
            name=name,
        )
        self.pipeline = Pipeline(upstream.policies, seed=seed, listener=metrics, edge=name)
        metrics.introduce(name, upstream.policies)
        self._exchange: Exchange | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Opens the pools of connections, and begins to check health."""
        self._exchange = self._connect()
        if self.upstream.health is not None:
            self._watch = asyncio.create_task(self._check_health(self.upstream.health))

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        if self._exchange is not None:
            await self._exchange.close()

    async def ask(self, asked: Asked, request: Request, span: Span) -> Outcome:
        """The answer of the upstream under the policies; each attempt is a span below ``span``."""

        async def attempt(request: Request) -> Outcome:
            return await self._attempt(asked, request, span)

        outcome = await self.pipeline.outcome(attempt, request=request)
        self._metrics.request_ended(self.name, outcome)
        return outcome

    async def once(self, asked: Asked) -> Outcome:
        """The answer of one replica without the policies: for checks."""
        return await self._attempt(asked, PLAIN, INVALID_SPAN)

    async def _attempt(self, asked: Asked, request: Request, parent: Span) -> Outcome:
        assert self._exchange is not None
        clock, pool = asyncio.get_running_loop().time, self._pool
        permit = pool.admit(now := clock(), request)
        if permit is None:
            return pool.refusal(now)
        address = self.upstream.replicas[permit.replica]
        span = self._span(asked, request, address, parent)
        headers, left = self._headers(request, span)
        ending = "cut-off"
        try:
            outcome = await self._exchange(address, asked, headers, left)
            ending = outcome.ending.value
            pool.settle(clock(), permit, outcome)
            return outcome
        finally:
            pool.expire(clock())
            pool.ignore(permit)
            if span is not parent:
                span.set_attribute(names.ATTRIBUTE_ENDING, ending)
                span.end()

    def _span(self, asked: Asked, request: Request, address: str, parent: Span) -> Span:
        host, _, port = address.rpartition(":")
        attributes: dict[str, AttributeValue] = {
            names.ATTRIBUTE_METHOD: asked.method,
            names.ATTRIBUTE_PEER: host,
            names.ATTRIBUTE_PEER_PORT: int(port),
            names.ATTRIBUTE_ATTEMPT: request.attempt,
        }
        return self._tracing.child(f"{self.name} attempt", parent, kind=SpanKind.CLIENT, attributes=attributes)

    def _headers(self, request: Request, span: Span) -> tuple[dict[str, str], float | None]:
        headers = {names.ATTEMPT_HEADER: str(request.attempt), **self._carry(request)}
        if request.effort != 1.0:
            headers[names.EFFORT_HEADER] = f"{request.effort:g}"
        left = None
        if request.deadline is not None:
            left = max(0.0, request.deadline - asyncio.get_running_loop().time())
            headers[names.DEADLINE_HEADER] = f"{left * 1000:.0f}"
        propagate(span, headers)
        return headers, left

    def _connect(self) -> Exchange:
        near = self._direct()
        return Distant(near, self._latency) if self._latency else near

    def _direct(self) -> Exchange:
        if self.upstream.protocol == "grpc":
            from services.common.rpc_exchange import RpcExchange

            return RpcExchange(self.upstream.replicas, largest=self._largest)
        return HttpExchange(connections=self.upstream.connections, largest=self._largest)

    async def _check_health(self, checks: HealthCheck) -> None:
        path = "/readyz" if checks.depth == "shallow" else "/healthz/deep"
        addresses = self.upstream.probes or self.upstream.replicas
        timeout = aiohttp.ClientTimeout(total=checks.timeout)
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            asyncio.TaskGroup() as group,
        ):
            for replica, address in enumerate(addresses):
                group.create_task(self._check(session, replica, f"http://{address}{path}", checks.interval))

    async def _check(self, session: aiohttp.ClientSession, replica: int, url: str, interval: float) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            ok = await _well(session, url)
            self._pool.probed(clock(), replica, ok=ok)
            await asyncio.sleep(interval)

    def _hear(self, event: Event) -> None:
        """What the pool tells: for the metrics, and for the log since it is rare."""
        self._metrics(event)
        if isinstance(event, StateChanged):
            if event.policy == HealthCheck.kind:
                self.unwell ^= {int(event.edge.rpartition("/")[2])}
            logger.warning("replicas changed", edge=event.edge, policy=event.policy, state=event.after)

    async def health(self) -> Finding:
        """Failing when too few replicas look well, a warning when some do not."""
        number = len(self.upstream.replicas)
        left = len(self._pool.rotation(asyncio.get_running_loop().time()))
        if self._pool.mood is Mood.PANIC:
            return Finding(Status.FAILING, f"too few of {number} replicas look well; {self.upstream.panic.action}")
        return Finding(Status.HEALTHY if left == number else Status.WARNING, f"{left} of {number} replicas in rotation")


async def _well(session: aiohttp.ClientSession, url: str) -> bool:
    """A warning (429) is no reason to stop sending requests."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            return response.status in (200, 429)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


class ReplicaMetrics:
    """A Prometheus collector of the standing of all replicas."""

    def __init__(self, edges: list[Edge], *, service: str) -> None:
        self._edges, self._service = edges, service

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            names.REPLICA_HEALTHY, "1 while health checks pass", labels=["service", "edge", "replica"]
        )
        for edge in self._edges:
            for replica, address in enumerate(edge.upstream.replicas):
                family.add_metric([self._service, edge.name, address], float(replica not in edge.unwell))
        yield family
