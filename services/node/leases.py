"""The leases of the replicas of a node: asked for again and again, given up when no answer comes in time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from random import Random

from opentelemetry.trace import INVALID_SPAN

from services.common.edge import Edge
from services.node.errand import ASKED
from services.node.replica import Replica
from stormlab.effects import PLAIN
from stormlab.outcome import TIMED_OUT, Outcome
from stormlab.scenario.disturbances import Block
from stormlab.scenario.parts import Lease
from stormlab.scenario.tenancy import Tenancy


class Leases:
    """Keeps the leases of all ``replicas`` once it is started; ``blocks`` hold requests back, by name."""

    def __init__(self, lease: Lease, replicas: Sequence[Replica], edge: Edge, random: Random) -> None:
        self.lease, self.edge = lease, edge
        self.blocks: dict[str, Block] = {}
        self._holders = [_Holder(self, replica, random) for replica in replicas]

    def start(self) -> None:
        """Begins to ask, each replica at a time of its own within the interval."""
        for holder in self._holders:
            holder.begin(holder.tenancy.first())

    async def close(self) -> None:
        tasks = [holder.task for holder in self._holders if holder.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def ask_at_once(self, replicas: Collection[Replica]) -> None:
        """These replicas ask now, whatever they are waiting for."""
        for holder in self._holders:
            if holder.replica in replicas:
                holder.begin(0.0)


class _Holder:
    """One replica and its lease."""

    def __init__(self, leases: Leases, replica: Replica, random: Random) -> None:
        self._leases = leases
        self.replica = replica
        self.tenancy = replica.tenancy = Tenancy(leases.lease, random, replica.clock())
        self.task: asyncio.Task[None] | None = None

    def begin(self, seconds: float) -> None:
        """Ask in so many seconds, and go on from there."""
        if self.task is not None:
            self.task.cancel()
        self.task = asyncio.create_task(self._keep_asking(seconds))

    async def _keep_asking(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            seconds = await self._ask()

    async def _ask(self) -> float:
        """Ask once; in how many seconds to ask again."""
        if self.tenancy.held_back(self.replica.clock(), self._leases.blocks.values()):
            return self.tenancy.retry()
        outcome = await self._answer()
        return self.tenancy.answered(self.replica.clock(), outcome)

    async def _answer(self) -> Outcome:
        if self.replica.isolated:
            await asyncio.sleep(self._leases.lease.timeout)
            return TIMED_OUT
        return await self._leases.edge.ask(ASKED, PLAIN, INVALID_SPAN)
