"""What a live run does to a node beside faults and capacity: cut replicas off, hold back leases, empty caches.

=========================  =====================================================================
``PUT /isolations/NAME``   ``{"share": x}``: so many replicas reach nobody; ``DELETE`` ends it
``PUT /blocks/NAME``       ``{"share": x, "to": y, "for": s}``: requests for leases are held back
``POST /caches/flush``     ``{"share": x, "for": s}``: forget so many entries, at once or in the course of time
``PUT /caches/invalid``    nothing that is known, or comes to be known, is believed until ``DELETE``
=========================  =====================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.common.admin import body
from services.node.cache import Cache, replace
from services.node.leases import Leases
from services.node.replica import Replica
from stormlab.scenario.disturbances import Block

logger = structlog.get_logger()


class Share(BaseModel):
    """How many of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Annotated[float, Field(ge=0, le=1)] = 1.0


class Flushing(Share):
    """How many entries are forgotten, and within how many s (key ``for``)."""

    lasting: Annotated[float, Field(gt=0)] | None = Field(None, alias="for")


class Holding(Share):
    """How many requests are held back; with ``to`` the share moves there within ``lasting`` s (key ``for``)."""

    to: Annotated[float, Field(ge=0, le=1)] | None = None
    lasting: Annotated[float, Field(gt=0)] | None = Field(None, alias="for")


class Operations:
    """The handlers; ``leases`` is ``None`` where nobody needs one."""

    def __init__(
        self, replicas: Sequence[Replica], leases: Leases | None, caches: Sequence[Cache], random: Random
    ) -> None:
        self._replicas, self._leases, self._caches, self._random = replicas, leases, caches, random
        self._replacing: set[asyncio.Task[None]] = set()
        self._cut_off: dict[str, list[Replica]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/isolations/{name}", self.isolation, methods=["PUT", "DELETE"]),
            Route("/blocks/{name}", self.block, methods=["PUT", "DELETE"]),
            Route("/caches/flush", self.flush, methods=["POST"]),
            Route("/caches/invalid", self.invalid, methods=["PUT", "DELETE"]),
        ]

    async def isolation(self, request: Request) -> Response:
        name = request.path_params["name"]
        given = await body(request, Share) if request.method == "PUT" else None
        chosen = self._cut_off.pop(name, [])
        if given is not None:
            share = given.share
            chosen = self._random.sample(list(self._replicas), round(share * len(self._replicas)))
            self._cut_off[name] = chosen
        isolated = {id(replica) for group in self._cut_off.values() for replica in group}
        for replica in self._replicas:
            replica.isolated = id(replica) in isolated
        if self._leases is not None:
            self._leases.ask_at_once(chosen)
        logger.warning("isolation", fault=name, replicas=len(chosen), on=request.method == "PUT")
        return JSONResponse({"replicas": len(self._replicas), "isolated": len(isolated)})

    async def block(self, request: Request) -> Response:
        name = request.path_params["name"]
        given = await body(request, Holding) if request.method == "PUT" else None
        blocks = {} if self._leases is None else self._leases.blocks
        blocks.pop(name, None)
        if given is not None:
            at = asyncio.get_running_loop().time()
            blocks[name] = Block.model_construct(
                kind="block", at=at, target=name, share=given.share, to=given.to, lasting=given.lasting
            )
        logger.warning("block on leases", fault=name, on=request.method == "PUT")
        return Response(status_code=204)

    async def flush(self, request: Request) -> Response:
        given, before = await body(request, Flushing), sum(len(cache) for cache in self._caches)
        if given.lasting is not None:
            task = asyncio.create_task(replace(self._caches, given.share, given.lasting, self._random))
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)
        else:
            for cache in self._caches:
                cache.flush(given.share, self._random)
        left = sum(len(cache) for cache in self._caches)
        logger.warning("caches flushed", before=before, left=left)
        return JSONResponse({"before": before, "left": left})

    async def invalid(self, request: Request) -> Response:
        for cache in self._caches:
            cache.invalidate(invalid=request.method == "PUT")
        logger.warning("caches invalid", on=request.method == "PUT")
        return Response(status_code=204)
