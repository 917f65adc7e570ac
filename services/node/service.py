"""One process of a service that calls others: its replicas, their ports, their errands and their leases."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from random import Random

import structlog
from prometheus_client import CollectorRegistry

from services.common import openapi
from services.common.admin import admin_app
from services.common.asgi import App, Receive, Scope, Send, refuse
from services.common.capacity_guard import CapacityMetrics
from services.common.edge import Edge, ReplicaMetrics
from services.common.faults import Faults
from services.common.health import Check, Checkup, Finding, Status, alive, health_page
from services.common.local_checks import local_checks, temporary_folder
from services.common.metrics import RequestCounts, RequestMetrics, metrics_page
from services.common.pages import by_path, json_page
from services.common.reload import on_settings
from services.common.runtime_metrics import RuntimeMetrics
from services.common.serving import HttpFront, bind, serve
from services.common.settings import ServiceSettings
from services.common.tracing import ServerSpans, tracing_of
from services.node.errand import ASKED, LARGEST, Errand
from services.node.fleet import Fleet, FleetMetrics
from services.node.leases import Leases
from services.node.operations import Operations
from services.node.replica import Replica
from services.node.settings import Errands, NodeSettings, read_errands
from services.node.transactions import Transactions
from stormlab.policies import Timeout
from stormlab.telemetry.edges import EdgeMetrics

NAME = "node"
ROUTE = "/v1/{key}"
logger = structlog.get_logger()


class Node:
    """Everything of one process; make it on the loop that serves.

    Raises:
        BadInput: a setting or the file of errands cannot be used.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self.settings, self.name = settings, settings.service_name
        errands = read_errands(settings.errands_file)
        self.registry = CollectorRegistry()
        self.counts = RequestCounts(service=self.name, registry=self.registry) if settings.telemetry == "on" else None
        self.tracing = tracing_of(self.name, settings)
        self.metrics = EdgeMetrics(service=self.name, registry=self.registry)
        self.faults = Faults(self.name, self.registry, settings.seed)
        self.errands = [
            Errand(
                f"{self.name}→{call.target}",
                call,
                metrics=self.metrics,
                tracing=self.tracing,
                seed=settings.seed + index,
            )
            for index, call in enumerate(errands.calls)
        ]
        number = 1 + len(settings.more_ports)
        self.fleet = Fleet([Replica(index, settings, self.errands) for index in range(number)])
        self.leases = self._leases(errands)
        self.edges = [errand.edge for errand in self.errands] + ([self.leases.edge] if self.leases else [])
        self.caches = [errand.cache for errand in self.errands if errand.cache is not None]
        self._register()
        on_settings(settings, self._apply)

    def _register(self) -> None:
        self.registry.register(RuntimeMetrics(service=self.name))
        self.registry.register(CapacityMetrics(self.fleet, service=self.name))
        self.registry.register(FleetMetrics(self.fleet, self.caches, service=self.name))
        self.registry.register(ReplicaMetrics(self.edges, service=self.name))

    def _leases(self, errands: Errands) -> Leases | None:
        lease, source = errands.lease, errands.granted_by
        if lease is None or source is None:
            return None
        edge = Edge(
            f"{self.name} lease",
            source.model_copy(update={"policies": (Timeout(seconds=lease.timeout),)}),
            metrics=self.metrics,
            tracing=self.tracing,
            largest=LARGEST,
            seed=self.settings.seed,
        )
        return Leases(lease, self.fleet.replicas, edge, Random(f"{self.settings.seed}:lease"))

    def app(self, ports: list[int]) -> App:
        """The public application: a replica behind each of ``ports``, beside the pages of the process."""
        transacted = Transactions().around if self.settings.optimistic else _as_it_is
        apps = [replica.app(self.faults, transacted) for replica in self.fleet.replicas]
        work = only_values(_by_port(dict(zip(ports, apps, strict=True))))
        if self.counts is not None:
            work = ServerSpans(work, self.tracing)
        pages = {
            "/livez": alive,
            "/readyz": health_page(Checkup(local_checks(temporary_folder()))),
            "/healthz/deep": health_page(Checkup([_reaching(errand) for errand in self.errands])),
            "/metrics": metrics_page(self.registry),
            "/openapi.json": json_page(document()),
        }
        return by_path(pages, RequestMetrics(work, self.counts, route_of=route_of))

    def admin(self) -> App:
        random = Random(f"{self.settings.seed}:operations")
        operations = Operations(self.fleet.replicas, self.leases, self.caches, random)
        return admin_app(self.faults, self.fleet, more=operations.routes())

    async def run(self) -> None:
        """Serves until SIGTERM.

        Raises:
            BadInput: an address cannot be had.
        """
        settings = self.settings
        sockets = [bind(settings.host, port) for port in (settings.port, *settings.more_ports)]
        app = self.app([int(sock.getsockname()[1]) for sock in sockets])
        fronts = [HttpFront("rest", sockets[0], app, more=sockets[1:])]
        if settings.admin_port is not None:
            fronts.append(
                HttpFront("admin", bind("127.0.0.1", settings.admin_port, settings="ADMIN_PORT"), self.admin())
            )
        async with AsyncExitStack() as stack:
            for edge in self.edges:
                edge.start()
                stack.push_async_callback(edge.close)
            if self.leases is not None:
                self.leases.start()
                stack.push_async_callback(self.leases.close)
            await serve(fronts, grace=settings.grace)
        await asyncio.to_thread(self.tracing.close)
        logger.info("stopped")

    def _apply(self, settings: ServiceSettings) -> None:
        """Takes over the live settings."""
        self.tracing.record(settings.otel_traces_sampler_arg)
        self.fleet.configure(settings.workers)


def _as_it_is(app: App) -> App:
    return app


def _by_port(apps: dict[int, App]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope["server"][1]](scope, receive, send)

    return app


def route_of(scope: Scope) -> str:
    """The one route there is; ``other`` for what is none."""
    match scope["raw_path"].split(b"/", 3):
        case [b"", b"v1", key] if key:
            return ROUTE
    return "other"


def only_values(guarded: App) -> App:
    """Lets through what asks for a value, so that stray requests cost no capacity and count in no dose."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["stormlab.route"] != ROUTE:
            return await refuse(send, 404, "no-such-route", "ask for /v1/{key}")
        if scope["method"] != "GET":
            return await refuse(send, 405, "method", "use GET", headers=[(b"allow", b"GET")])
        return await guarded(scope, receive, send)

    return app


def _reaching(errand: Errand) -> Check:
    async def ask() -> Finding:
        outcome = await errand.edge.once(ASKED)
        return Finding(Status.HEALTHY if outcome.ok else Status.FAILING, outcome.reason)

    return Check(name=errand.call.target, ask=ask)


def document() -> openapi.Json:
    """The OpenAPI document of a node."""
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    failures = {
        "409": "Another request with the same key was faster.",
        "429": "The caller asks too often.",
        "500": "There is no lease to serve with, or the request was thrown away.",
        "502": "A service that is needed for the answer gave none.",
        "503": "Overloaded.",
    }
    value = openapi.operation(
        "get",
        "An answer, once all who have to be asked have answered.",
        openapi.errors(failures) | {"200": openapi.answer("ok", {"application/octet-stream": {"schema": {}}})},
    )
    return openapi.document(
        "Node", "A service of a scenario that asks others.", {ROUTE: {"parameters": [key], "get": value}}
    )


async def run(settings: NodeSettings) -> None:
    """Runs the node until SIGTERM.

    Raises:
        BadInput: a setting, the file of errands or an address cannot be used.
    """
    logger.info("starting", settings=settings.masked())
    await Node(settings).run()
