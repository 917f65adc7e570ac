"""What every service is made of: its counts, traces, emulated capacity and faults, the guards of these, and its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from services.common.admin import admin_app
from services.common.asgi import App, Scope
from services.common.capacity import Capacity
from services.common.capacity_guard import CapacityMetrics, guards_of
from services.common.faults import Faults
from services.common.flags import Flags
from services.common.health import Check, Checkup, alive, health_page
from services.common.local_checks import local_checks, temporary_folder
from services.common.metrics import RequestCounts, RequestMetrics, metrics_page
from services.common.pages import by_path, json_page
from services.common.reload import on_settings
from services.common.runtime_metrics import RuntimeMetrics
from services.common.serving import HttpFront, bind, serve
from services.common.settings import ServiceSettings
from services.common.tracing import ServerSpans, tracing_of

logger = structlog.get_logger()


class Parts:
    """The parts of the service ``name``.

    Raises:
        BadInput: a setting cannot be used.
    """

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name, self.settings = name, settings
        self.registry = CollectorRegistry()
        self.counts = RequestCounts(service=name, registry=self.registry) if settings.telemetry == "on" else None
        self.tracing = tracing_of(name, settings)
        self.capacity = Capacity(settings.capacity())
        self.guards = guards_of(settings, self.capacity)
        self.faults = Faults(name, self.registry, settings.seed)
        self.flags = Flags(name, settings.known_flags)
        on_settings(settings, self._apply)
        self.registry.register(RuntimeMetrics(service=name))
        self.registry.register(CapacityMetrics(self.capacity, service=name))

    def public(
        self, app: App, *, route_of: Callable[[Scope], str], document: Mapping[str, Any], deep: Sequence[Check]
    ) -> App:
        """``app``, counted and traced, beside the pages of every service, which pass no guard.

        Args:
            route_of: as for `RequestMetrics`.
            document: the OpenAPI document.
            deep: the checks of what the service depends on.
        """
        pages = {
            "/livez": alive,
            "/readyz": health_page(Checkup(local_checks(temporary_folder()))),
            "/healthz/deep": health_page(Checkup(deep)),
            "/metrics": metrics_page(self.registry),
            "/openapi.json": json_page(document),
        }
        traced = app if self.counts is None else ServerSpans(app, self.tracing)
        return by_path(pages, RequestMetrics(traced, self.counts, route_of=route_of))

    def _apply(self, settings: ServiceSettings) -> None:
        """Takes over the live settings."""
        self.flags.configure(settings)
        self.tracing.record(settings.otel_traces_sampler_arg)
        self.capacity.configure(settings.workers)

    async def run(self, public: App) -> None:
        """Serves ``public``, and the administration if it is wanted, until SIGTERM.

        Raises:
            BadInput: an address cannot be had.
        """
        settings = self.settings
        fronts = [HttpFront("rest", bind(settings.host, settings.port), public)]
        if settings.admin_port is not None:
            sock = bind("127.0.0.1", settings.admin_port, settings="ADMIN_PORT")
            fronts.append(HttpFront("admin", sock, admin_app(self.faults, self.capacity)))
        try:
            await serve(fronts, grace=settings.grace)
        finally:
            await asyncio.to_thread(self.tracing.close)
        logger.info("stopped")
