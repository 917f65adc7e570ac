"""The administration interface, on a loopback port of its own: faults per request and capacity, changed live.

====================  ==========================================================================
``PUT /faults/NAME``  activate a fault (`FaultSpec` as JSON), or replace it
``GET /faults/NAME``  its specification and its dose so far; ``GET /faults`` gives all
``DELETE /faults/N``  end it; ``DELETE /faults`` ends all
``PUT /capacity``     ``{"workers": n, "speed": x, "queue_limit": q}``; what is left out is as configured
``DELETE /capacity``  back to what was configured; ``GET`` shows it
``POST /purge``       ``{"keep": n, "answer": true}``: throw away the oldest waiting requests
====================  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.common.asgi import App, BodyFirst
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
    queue_limit: int | None = None


class Purging(BaseModel):
    """Throw away the oldest waiting requests until ``keep`` are left; ``answer`` tells their callers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: Annotated[int, Field(ge=0)] = 0
    answer: bool = True


class Adjustable(Protocol):
    """An emulated capacity, or several that are changed together."""

    @property
    def workers(self) -> int: ...
    @property
    def speed(self) -> float: ...
    @property
    def queue_limit(self) -> int: ...
    @property
    def per_second(self) -> float: ...

    def change(
        self, *, workers: int | None = None, speed: float | None = None, queue_limit: int | None = None
    ) -> None: ...
    def restore(self) -> None: ...
    def purge(self, *, keep: int = 0, told: bool = True) -> int: ...


class Admin:
    """The handlers of the administration port."""

    def __init__(self, faults: Faults, capacity: Adjustable) -> None:
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
            fault = self._faults.put(name, await body(request, FaultSpec))
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
            change = await body(request, CapacityChange)
            self._capacity.change(**change.model_dump())
            logger.warning("capacity changed", **_numbers(self._capacity))
        elif request.method == "DELETE":
            self._capacity.restore()
            logger.info("capacity restored", workers=self._capacity.workers)
        now = self._capacity
        return JSONResponse({**_numbers(now), "capacity": now.per_second if math.isfinite(now.per_second) else None})

    async def purge(self, request: Request) -> Response:
        purging = await body(request, Purging)
        gone = self._capacity.purge(keep=purging.keep, told=purging.answer)
        logger.warning("queue purged", requests=gone)
        return JSONResponse({"purged": gone})

    def _remove(self, name: str) -> None:
        fault = self._faults.active[name]
        self._faults.remove(name)
        logger.info("fault ended", fault=name, eligible=fault.eligible, injected=fault.injected)


def _numbers(capacity: Adjustable) -> dict[str, float]:
    return {"workers": capacity.workers, "speed": capacity.speed, "queue_limit": capacity.queue_limit}


def admin_app(
    faults: Faults,
    capacity: Adjustable,
    clear: Mapping[str, Callable[[], None]] | None = None,
    more: Sequence[Route] = (),
) -> App:
    """The application of the administration port; ``DELETE`` on a path of ``clear`` calls what stands there.

    Args:
        more: routes that one service adds.
    """
    admin = Admin(faults, capacity)
    app = Starlette(
        routes=[
            *(Route(path, _clearing(path, action), methods=["DELETE"]) for path, action in (clear or {}).items()),
            Route("/faults", admin.faults, methods=["GET", "DELETE"]),
            Route("/faults/{name}", admin.fault, methods=["GET", "PUT", "DELETE"]),
            Route("/capacity", admin.capacity, methods=["GET", "PUT", "DELETE"]),
            Route("/purge", admin.purge, methods=["POST"]),
            *more,
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


async def body(request: Request, kind: type[Model]) -> Model:
    """The body of a command.

    Raises:
        BadInput: it is none of this ``kind``.
    """
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
