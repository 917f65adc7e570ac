"""One replica of a node: a door with its guards, emulated workers, and the errands that a worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.common.asgi import App, Bulkhead, Receive, Scope, Send, answer, refuse
from services.common.capacity import Capacity
from services.common.capacity_guard import CapacityGuard, behind_guards, counting, guards_of
from services.common.deadline import loop_deadline
from services.common.faults import FaultGuard, Faults
from services.node.errand import Errand
from services.node.settings import NodeSettings
from stormlab.drivers.asgi import request_of
from stormlab.effects import Request
from stormlab.scenario.tenancy import Tenancy

_BODY = b"sixty-four bytes, which is what a small value usually amounts to."


class Replica:
    """``tenancy`` is that of the lease it needs, ``isolated`` while it reaches nobody; both are set from outside."""

    def __init__(self, index: int, settings: NodeSettings, errands: Sequence[Errand]) -> None:
        spec = settings.capacity()
        self.capacity = Capacity(replace(spec, seed=spec.seed + index, holding=bool(errands)))
        self._settings = settings
        self._errands = errands
        self.clock: Callable[[], float] = asyncio.get_running_loop().time
        self.tenancy: Tenancy | None = None
        self.isolated = False

    @property
    def unfit(self) -> bool:
        """Whether it lacks its lease."""
        return self.tenancy is not None and not self.tenancy.holds(self.clock())

    def app(self, faults: Faults, transacted: Callable[[App], App]) -> App:
        """What stands behind the port of the replica."""
        work: App = CapacityGuard(self._work, self.capacity)
        work = behind_guards(work, guards_of(self._settings, self.capacity), self.capacity)
        work = FaultGuard(self._with_lease(work), faults)
        return counting(Bulkhead(transacted(work), limit=self._settings.max_requests), self.capacity)

    def _with_lease(self, app: App) -> App:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if self.unfit:
                return await refuse(send, 500, "no-lease", "the lease without which nobody is served is missing")
            return await app(scope, receive, send)

        return guarded

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Asks one after the other; the worker is held meanwhile, whether or not the caller still waits."""
        if self._errands and self.isolated:
            return await _failed(send)
        request = asked(scope)
        for errand in self._errands:
            outcome = await errand.ask(request)
            if not outcome.ok and not errand.call.optional:
                return await _failed(send)
        return await answer(send, 200, _BODY)


def asked(scope: Scope) -> Request:
    """What the caller has told, its deadline on the clock of the running loop."""
    request = request_of(scope)
    deadline = loop_deadline(scope)
    return request if deadline is None else request.due(deadline)


async def _failed(send: Send) -> None:
    await refuse(send, 502, "dependency", "a service that is needed for the answer gave none")
