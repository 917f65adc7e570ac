"""The page and its interface: samples, toxics, scenarios, traces and logs; OTLP in, Jaeger's query API out."""

from __future__ import annotations

import gzip
import os
import time
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stormlab.chaos import toxics
from stormlab.chaos.client import ToxiproxyClient
from stormlab.console.annotations import Annotator
from stormlab.console.clock import FaultClock, Moment, span_of
from stormlab.console.parts import Parts, Target
from stormlab.console.relay import Relay
from stormlab.console.sampling import Sampler, Values, parse
from stormlab.console.scenarios import Runner
from stormlab.console.spans import SpanStore
from stormlab.errors import BadInput, StormlabError

STATIC = Path(str(resources.files("stormlab.console"))) / "static"
#: Bytes of one OTLP request, and of the log that the page shows.
_MAX_BODY, _TAIL = 16 << 20, 8000


class Console:
    """What the handlers work on."""

    def __init__(self, parts: Parts, runner: Runner, control: ToxiproxyClient) -> None:
        self.parts, self.runner, self.control = parts, runner, control
        self.sampler, self.spans, self.clock = Sampler(), SpanStore(), FaultClock()
        self.registry = CollectorRegistry()
        self.registry.register(self.clock)
        self.annotator, self.relay = Annotator(), Relay(parts.otlp)
        #: Of a scenario that is under way.
        self.guests: list[Target] = []

    def targets(self) -> list[Target]:
        return [*self.parts.targets(), *self.guests]

    def links(self) -> dict[str, str]:
        """Other pages that show this stack, by name."""
        grafana = {"Grafana": self.annotator.url} if self.annotator.url else {}
        return self.parts.pages() | grafana

    def hear(self, moment: Moment) -> None:
        """Puts a moment on the one clock: metric, log line, span event, annotation."""
        self.clock.hear(moment)
        span = span_of(moment)
        self.spans.take(span)
        self.relay.offer(span)
        self.annotator.note(moment)

    def _is_over(self) -> None:
        self.guests = []
        for moment in self.clock.endings():
            self.hear(moment)

    def own_values(self) -> Values:
        """What the console itself exposes, as if it had been scraped."""
        return parse(generate_latest(self.registry).decode(), "console")

    def app(self) -> Starlette:
        """Requests from other web pages are refused: a page on the internet must not drive a stack on loopback."""
        routes = [
            Route("/", self.page),
            Route("/api/state", self.state),
            Route("/api/samples", self.samples),
            Route("/api/targets", self.discovery),
            Route("/api/guests", self.take_guests, methods=["PUT"]),
            Route("/api/moments", self.take_moment, methods=["POST"]),
            Route("/api/proxies", self.proxies),
            Route("/api/proxies/{proxy}", self.switch, methods=["PUT"]),
            Route("/api/proxies/{proxy}/toxics/{kind}", self.toxic, methods=["PUT", "DELETE"]),
            Route("/api/scenarios", self.scenarios, methods=["GET", "POST", "DELETE"]),
            Route("/api/log", self.log),
            Route("/v1/traces", self.take_spans, methods=["POST"]),
            Route("/api/services", self.traced_services),
            Route("/api/traces", self.traces),
            Route("/api/traces/{trace}", self.trace),
            Route("/metrics", self.metrics),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        return Starlette(routes=routes, exception_handlers={StormlabError: _refused})

    async def page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def state(self, request: Request) -> Response:
        return JSONResponse(
            {
                "pid": os.getpid(),
                "links": self.links(),
                "targets": [asdict(target) for target in self.targets()],
                "scenario": self.runner.state(),
                "spans": self.spans.received,
                "faults": self.clock.active(),
            }
        )

    async def samples(self, request: Request) -> Response:
        try:
            moment = float(request.query_params.get("since", 0))
        except ValueError:
            raise BadInput("since: give a number of seconds since the epoch") from None
        return JSONResponse(self.sampler.since(moment))

    async def discovery(self, request: Request) -> Response:
        """Targets in the form of Prometheus' HTTP service discovery."""
        found = [{"targets": [f"127.0.0.1:{one.port}"], "labels": {"replica": one.name}} for one in self.targets()]
        return JSONResponse(found)

    async def take_guests(self, request: Request) -> Response:
        _own(request)
        self.guests = [Target(**one) for one in await _json(request)]
        if not self.guests:
            self._is_over()
        return Response(status_code=204)

    async def take_moment(self, request: Request) -> Response:
        _own(request)
        self.hear(Moment(**{"at": time.time(), **(await _json(request))}))
        return Response(status_code=204)

    async def proxies(self, request: Request) -> Response:
        found = await run_in_threadpool(self.control.proxies)
        return JSONResponse(
            {
                name: {"enabled": one.enabled, "toxics": [toxic.to_api() for toxic in one.toxics]}
                for name, one in sorted(found.items())
            }
        )

    async def switch(self, request: Request) -> Response:
        _own(request)
        change = self.control.enable if (await _json(request))["enabled"] else self.control.disable
        await run_in_threadpool(change, request.path_params["proxy"])
        return Response(status_code=204)

    async def toxic(self, request: Request) -> Response:
        """One toxic of each kind for each proxy, called after its kind."""
        _own(request)
        proxy, kind = request.path_params["proxy"], request.path_params["kind"]
        present = {one.name for one in await run_in_threadpool(self.control.toxics, proxy)}
        if request.method == "DELETE":
            if kind in present:
                await run_in_threadpool(self.control.remove, proxy, kind)
            return Response(status_code=204)
        body = {"name": kind, "type": kind, "stream": "downstream", "attributes": await _json(request)}
        change = self.control.update if kind in present else self.control.add
        await run_in_threadpool(change, proxy, toxics.from_api(body))
        return Response(status_code=204)

    async def scenarios(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(await run_in_threadpool(self.runner.catalogue))
        _own(request)
        if request.method == "POST":
            body = await _json(request)
            await run_in_threadpool(self.runner.start, str(body["name"]), str(body.get("variant", "")))
        else:
            await run_in_threadpool(self.runner.stop)
            self._is_over()
        return Response(status_code=204)

    async def log(self, request: Request) -> Response:
        """The last lines of every part, each after its name."""
        lines = []
        for path in self.parts.log_files():
            if path.exists():
                with path.open("rb") as file:
                    file.seek(max(0, path.stat().st_size - _TAIL))
                    lines += [f"{path.stem} {line}" for line in file.read().decode(errors="replace").splitlines()[-20:]]
        return Response("\n".join(lines), media_type="text/plain")

    async def take_spans(self, request: Request) -> Response:
        body = await request.body()
        if len(body) > _MAX_BODY:
            raise HTTPException(413, "an OTLP request may have 16 MiB")
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            self.spans.take(body)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        self.relay.offer(body)
        return Response(b"", media_type="application/x-protobuf")

    async def traced_services(self, request: Request) -> Response:
        return _jaeger(self.spans.services())

    async def traces(self, request: Request) -> Response:
        limit = request.query_params.get("limit", "20")
        return _jaeger(self.spans.find(request.query_params.get("service"), int(limit) if limit.isdigit() else 20))

    async def trace(self, request: Request) -> Response:
        found = self.spans.trace(request.path_params["trace"])
        if found is None:
            return JSONResponse({"data": None, "errors": [{"code": 404, "msg": "trace not found"}]}, status_code=404)
        return _jaeger([found])

    async def metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), headers={"content-type": content_type})


def _jaeger(data: list[Any]) -> Response:
    return JSONResponse({"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None})


def _own(request: Request) -> None:
    """Raises HTTPException when a page of another origin sent this."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise HTTPException(403, "other pages may not drive the stack")


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise BadInput(f"the body is not JSON: {error}") from error


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
