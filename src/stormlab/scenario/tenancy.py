"""What a replica knows about its lease, without a clock or a wire: the same decisions simulated and live."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from stormlab.outcome import Outcome
from stormlab.scenario.disturbances import Block
from stormlab.scenario.parts import Lease

#: Who would ask again at once still waits so long, in s.
LEAST_RETRY = 0.01


class Tenancy:
    """One replica and its lease, which it holds in the beginning; ``now`` is in s."""

    def __init__(self, lease: Lease, random: Random, now: float) -> None:
        self._lease, self._random = lease, random
        self._renew(now)

    def first(self) -> float:
        """In how many s to ask for the first time: at a time of its own within the interval."""
        return self._random.random() * self._lease.every

    def held_back(self, now: float, blocks: Iterable[Block]) -> bool:
        """Whether one of the active ``blocks`` holds a request back."""
        share = max((block.share_at(now) for block in blocks), default=0.0)
        return share > 0 and self._random.random() < share

    def answered(self, now: float, outcome: Outcome) -> float:
        """What became of a request; in how many s to ask again."""
        if not outcome.ok:
            if self._lease.ttl is None:
                self._until = now
            return self.retry()
        self._renew(now)
        return self._about(self._lease.every)

    def retry(self) -> float:
        """In how many s to ask again without an answer."""
        return self._about(max(self._lease.retry, LEAST_RETRY))

    def holds(self, now: float) -> bool:
        return now < self._until

    def _renew(self, now: float) -> None:
        self._until = float("inf") if self._lease.ttl is None else now + self._lease.ttl

    def _about(self, seconds: float) -> float:
        return seconds * self._random.uniform(1 - self._lease.jitter, 1 + self._lease.jitter)
