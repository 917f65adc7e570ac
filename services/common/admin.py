"""The administration interface, on a loopback port of its own: faults per request and capacity, changed live.

====================  ==========================================================================
``PUT /faults/NAME``  activate a fault (`FaultSpec` as JSON), or replace it
``GET /faults/NAME``  its specification and its dose so far; ``GET /faults`` gives all
``DELETE /faults/N``  end it; ``DELETE /faults`` ends all
``PUT /capacity``     ``{"workers": n, "speed": x}``, both optional; what is left out is as configured
``DELETE /capacity``  back to what was configured; ``GET`` shows it
====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.common.asgi import App, BodyFirst
from services.common.capacity import Capacity
from services.common.faults import ActiveFault, Faults, FaultSpec
from stormlab.errors import BadInput

_MAX_BODY = 10_000
Model = TypeVar("Model", bound=BaseModel)
logger = structlog.get_logger()


class CapacityChange(BaseModel):
    """A cut, or an addition, of capacity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int | None = None
    speed: float | None = None


class Admin:
    """The handlers of the administration port."""

    def __init__(self, faults: Faults, capacity: Capacity) -> None:
        self._faults, self._capacity = faults, capacity

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            for name in list(self._faults.active):
                self._remove(name)
            return Response(status_code=204)
        return JSONResponse({name: _dose(fault) for name, fault in self._faults.active.items()})

    async def fault(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "PUT":
            fault = self._faults.put(name, await _body(request, FaultSpec))
            logger.warning("fault started", fault=name, **fault.spec.model_dump(mode="json"))
            return JSONResponse(_dose(fault))
        active = self._faults.active.get(name)
        if active is None:
            return _error(404, "no-such-fault", f"no fault {name!r} is active")
        if request.method == "DELETE":
            self._remove(name)
        return JSONResponse(_dose(active))

    async def capacity(self, request: Request) -> Response:
        if request.method == "PUT":
            change = await _body(request, CapacityChange)
            self._capacity.change(workers=change.workers, speed=change.speed)
            logger.warning("capacity changed", workers=self._capacity.workers, speed=self._capacity.speed)
        elif request.method == "DELETE":
            self._capacity.restore()
            logger.info("capacity restored", workers=self._capacity.workers)
        now = self._capacity
        return JSONResponse({"workers": now.workers, "speed": now.speed, "capacity": now.per_second})

    def _remove(self, name: str) -> None:
        fault = self._faults.active[name]
        self._faults.remove(name)
        logger.info("fault ended", fault=name, eligible=fault.eligible, injected=fault.injected)


def admin_app(faults: Faults, capacity: Capacity, clear: Mapping[str, Callable[[], None]] | None = None) -> App:
    """The application of the administration port; ``DELETE`` on a path of ``clear`` calls what stands there."""
    admin = Admin(faults, capacity)
    app = Starlette(
        routes=[
            *(Route(path, _clearing(path, action), methods=["DELETE"]) for path, action in (clear or {}).items()),
            Route("/faults", admin.faults, methods=["GET", "DELETE"]),
            Route("/faults/{name}", admin.fault, methods=["GET", "PUT", "DELETE"]),
            Route("/capacity", admin.capacity, methods=["GET", "PUT", "DELETE"]),
        ],
        exception_handlers={BadInput: _bad_input, HTTPException: _http_error},
    )
    return BodyFirst(app, limit=_MAX_BODY, seconds=5.0)


def _clearing(path: str, action: Callable[[], None]) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        action()
        logger.warning("cleared", path=path)
        return Response(status_code=204)

    return handler


async def _body(request: Request, kind: type[Model]) -> Model:
    try:
        return kind.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()]
        raise BadInput("; ".join(lines)) from error


def _dose(fault: ActiveFault) -> dict[str, Any]:
    return {**fault.spec.model_dump(mode="json"), "eligible": fault.eligible, "injected": fault.injected}


def _error(status: int, reason: str, message: str) -> Response:
    return JSONResponse({"reason": reason, "error": message}, status_code=status)


async def _bad_input(request: Request, error: Exception) -> Response:
    return _error(400, "bad-input", str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", str(error.detail))
