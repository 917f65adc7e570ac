"""The leases of the replicas of a node: asked for again and again, given up when no answer comes in time.

The rules are those of the simulated world, :mod:`stormlab.sim.leases`.
"""

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

#: Who is held back and asks again at once still waits so long, in s.
_LEAST_RETRY = 0.01


class Leases:
    """Keeps the leases of all ``replicas`` once it is started; ``blocks`` hold requests back, by name."""

    def __init__(self, lease: Lease, replicas: Sequence[Replica], edge: Edge, random: Random) -> None:
        self.lease, self.edge, self.random = lease, edge, random
        self.blocks: dict[str, Block] = {}
        self._holders = [_Holder(self, replica) for replica in replicas]

    def start(self) -> None:
        """Begins to ask, each replica at a time of its own within the interval."""
        for holder in self._holders:
            holder.begin(self.random.random() * self.lease.every)

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

    def held_back(self) -> bool:
        now = asyncio.get_running_loop().time()
        share = max((block.share_at(now) for block in self.blocks.values()), default=0.0)
        return share > 0 and self.random.random() < share


class _Holder:
    """One replica and its lease."""

    def __init__(self, leases: Leases, replica: Replica) -> None:
        self._leases = leases
        self.replica = replica
        self.task: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        """Ask in so many seconds, and go on from there."""
        if self.task is not None:
            self.task.cancel()
        self.task = asyncio.create_task(self._keep_asking(seconds))

    async def _keep_asking(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            jitter = self._leases.lease.jitter
            seconds = await self._ask() * self._leases.random.uniform(1 - jitter, 1 + jitter)

    async def _ask(self) -> float:
        """Ask once; in how many seconds to ask again."""
        lease = self._leases.lease
        if self._leases.held_back():
            return max(lease.retry, _LEAST_RETRY)
        if (await self._answer()).ok:
            self._granted()
            return lease.every
        if lease.ttl is None:
            self._lapsed()
        return max(lease.retry, _LEAST_RETRY)

    async def _answer(self) -> Outcome:
        if self.replica.isolated:
            await asyncio.sleep(self._leases.lease.timeout)
            return TIMED_OUT
        return await self._leases.edge.ask(ASKED, PLAIN, INVALID_SPAN)

    def _granted(self) -> None:
        self.replica.unfit = False
        if self._expiry is not None:
            self._expiry.cancel()
        if self._leases.lease.ttl is not None:
            self._expiry = asyncio.get_running_loop().call_later(self._leases.lease.ttl, self._lapsed)

    def _lapsed(self) -> None:
        self.replica.unfit = True
