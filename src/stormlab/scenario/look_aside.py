"""What a look-aside cache knows, without a clock or a wire: the same decisions simulated and live."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from itertools import accumulate, pairwise, repeat
from random import Random

from stormlab.outcome import Outcome
from stormlab.scenario.parts import Cache as Description

#: A fleet of more nodes than this cannot be told from one of so many.
NODES = 100


class LookAside:
    """The keys whose answers are kept, the least recently used first; ``now`` is in s. Counts are public."""

    def __init__(self, description: Description, random: Random) -> None:
        self._random = random
        self._jitter = description.jitter
        self._capacity = description.capacity
        self._ttl = float("inf") if description.ttl is None else description.ttl
        self._delete_on_error = description.on_error == "delete"
        self._expiry: OrderedDict[str, float] = OrderedDict()
        self.invalid = False
        self.hits = 0
        self.lookups = 0

    def __len__(self) -> int:
        return len(self._expiry)

    def find(self, now: float, key: str) -> bool:
        """Whether there is an answer for ``key``; counts the lookup."""
        self.lookups += 1
        if now >= self._expiry.get(key, 0.0):
            return False
        self._expiry.move_to_end(key)
        self.hits += 1
        return True

    def fetched(self, now: float, key: str, outcome: Outcome) -> None:
        """What the dependency has said about ``key``."""
        if outcome.ok and not self.invalid:
            self._keep(now, key)
        elif self._delete_on_error:
            self._expiry.pop(key, None)

    def flush(self, share: float, random: Random) -> None:
        """Forget each entry with probability ``share``."""
        kept = [(key, expiry) for key, expiry in self._expiry.items() if random.random() >= share]
        self._expiry = OrderedDict(kept)

    def lose(self, first: float, last: float) -> None:
        """Forget the entries whose place on a ring of length 1 lies between ``first`` and ``last``."""
        for key in [key for key in self._expiry if (place(key) - first) % 1.0 < last - first]:
            del self._expiry[key]

    def invalidate(self, *, invalid: bool) -> None:
        """Forget everything; keep nothing as long as it is ``invalid``."""
        self.invalid = invalid
        self._expiry.clear()

    def _keep(self, now: float, key: str) -> None:
        jitter = self._jitter * self._random.uniform(-1, 1) if self._jitter else 0.0
        self._expiry[key] = now + self._ttl * (1 + jitter)
        self._expiry.move_to_end(key)
        if len(self._expiry) > self._capacity:
            self._expiry.popitem(last=False)


def replaced(share: float, random: Random) -> list[tuple[float, float]]:
    """What :meth:`LookAside.lose` is told each time a node is replaced, until a ``share`` of ``NODES`` is new."""
    first, width = random.random(), share / NODES
    ends = list(accumulate(repeat(width, NODES), initial=first))
    return list(pairwise(ends))


def place(key: str) -> float:
    """Where on a ring of length 1 ``key`` lies, the same in every run: which node holds it."""
    return int.from_bytes(blake2b(key.encode(), digest_size=6).digest()) / 2**48
