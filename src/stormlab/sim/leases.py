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
from stormlab.sim.service import Endpoint, Replica, Reply
from stormlab.sim.turns import Turns

NO_LEASE = failure("no-lease")


class Holders:
    """The leases of all replicas of one service; ``blocks`` are the blocks on their requests that are active."""

    def __init__(
        self, env: simpy.Environment, lease: Lease, replicas: Sequence[Replica], endpoint: Endpoint, random: Random
    ) -> None:
        self.blocks: Sequence[Block] = ()
        self._random = random
        self.turns = Turns(env, lease.rate)
        self.members = [_Holder(self, env, lease, replica, endpoint, random) for replica in replicas]

    def blocked(self, now: float) -> bool:
        share = max((block.share_at(now) for block in self.blocks), default=0.0)
        return share > 0 and self._random.random() < share

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
        self._random = random
        scope = Scope(random=random, edge="lease")
        self._for_a_new_one = PLAIN._replace(effort=lease.work)
        self._strategy = Timeout(seconds=lease.timeout).bind(call_once, scope)
        self._run: Run | None = None
        self._expiry: Timer | None = None
        self._next = Timer(env, random.random() * lease.every, self._ask)
        self._granted()

    def ask_at_once(self) -> None:
        if self._run is not None:
            self._run.cut_off()
            self._run = None
        self._next.cancel()
        self._holders.turns.leave(self._request)
        self._ask(None)

    def _ask(self, _event: Any) -> None:
        if self._holders.blocked(self._env.now):
            self._ask_in(max(self._lease.retry, 1.0))
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

    def _answered(self, _now: float, outcome: Outcome) -> None:
        self._run = None
        if outcome.ok:
            self._granted()
            self._ask_in(self._lease.every)
            return
        if self._lease.ttl is None:
            self._lapsed(None)
        self._ask_in(self._lease.retry)

    def _granted(self) -> None:
        self.replica.unfit = None
        if self._expiry is not None:
            self._expiry.cancel()
        if self._lease.ttl is not None:
            self._expiry = Timer(self._env, self._lease.ttl, self._lapsed)

    def _lapsed(self, _event: Any) -> None:
        self.replica.unfit = NO_LEASE

    def _ask_in(self, seconds: float) -> None:
        jitter = self._lease.jitter
        self._next = Timer(self._env, seconds * self._random.uniform(1 - jitter, 1 + jitter), self._ask)
