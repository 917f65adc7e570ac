"""Replicas that serve only while they hold a lease, and stop by themselves when it is not renewed in time.

A lease protects against serving with outdated knowledge. Its price is a loop: whoever could not renew asks again, the
service that grants leases has more to do, and those who held one are late in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import simpy

from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, Request, call_once
from stormlab.outcome import Outcome, failure
from stormlab.policies import Scope, Timeout
from stormlab.scenario.disturbances import Block
from stormlab.scenario.parts import Lease
from stormlab.scenario.tenancy import Tenancy
from stormlab.sim.service import Endpoint, Replica, Reply
from stormlab.sim.turns import Turns

NO_LEASE = failure("no-lease")


class Holders:
    """The leases of all replicas of one service; ``blocks`` are the blocks on their requests that are active."""

    def __init__(
        self, env: simpy.Environment, lease: Lease, replicas: Sequence[Replica], endpoint: Endpoint, random: Random
    ) -> None:
        self.blocks: Sequence[Block] = ()
        self.turns = Turns(env, lease.rate)
        self.members = [_Holder(self, env, lease, replica, endpoint, random) for replica in replicas]

    def describe(self, lease: Lease) -> None:
        """Go on with another rate."""
        self.turns.change(lease.rate)

    def ask_at_once(self, replicas: Sequence[Replica]) -> None:
        """These replicas ask now, whatever they are waiting for."""
        for member in self.members:
            if member.replica in replicas:
                member.ask_at_once()


class _Holder:
    """One replica and its lease."""

    def __init__(
        self,
        holders: Holders,
        env: simpy.Environment,
        lease: Lease,
        replica: Replica,
        endpoint: Endpoint,
        random: Random,
    ) -> None:
        self._holders = holders
        self._env = env
        self._lease = lease
        self.replica = replica
        self._endpoint = endpoint
        self._tenancy = Tenancy(lease, random, env.now)
        scope = Scope(random=random, edge="lease")
        self._for_a_new_one = PLAIN._replace(effort=lease.work)
        self._strategy = Timeout(seconds=lease.timeout).bind(call_once, scope)
        self._run: Run | None = None
        self._ask_in(self._tenancy.first())
        self._granted()

    def ask_at_once(self) -> None:
        if self._run is not None:
            self._run.cut_off()
            self._run = None
        self._next.cancel()
        self._holders.turns.leave(self._request)
        self._ask(None)

    def _ask(self, _event: Any) -> None:
        if self._tenancy.held_back(self._env.now, self._holders.blocks):
            self._ask_in(self._tenancy.retry())
            return
        if self.replica.unfit is None:
            self._request()
        else:
            self._holders.turns.wait(self._request)

    def _request(self) -> None:
        request = PLAIN if self.replica.unfit is None else self._for_a_new_one
        run = self._run = Run(self._env, self._strategy(self._env.now, request), self._send, self._answered)
        run.start()

    def _send(self, request: Request, reply: Reply) -> Outcome | None:
        return None if self.replica.isolated else self._endpoint(request, reply)

    def _answered(self, now: float, outcome: Outcome) -> None:
        self._run = None
        seconds = self._tenancy.answered(now, outcome)
        if outcome.ok:
            self._granted()
        else:
            self._look(None)
        self._ask_in(seconds)

    def _granted(self) -> None:
        self.replica.unfit = None
        if self._lease.ttl is not None:
            Timer(self._env, self._lease.ttl, self._look)

    def _look(self, _event: Any) -> None:
        """Serve no longer when the lease is over."""
        if not self._tenancy.holds(self._env.now):
            self.replica.unfit = NO_LEASE

    def _ask_in(self, seconds: float) -> None:
        self._next = Timer(self._env, seconds, self._ask)
