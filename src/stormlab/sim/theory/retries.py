"""The algebra of retries: how much work they add, what they buy, and between which loads they can trap a system.

A call makes a first try and up to R retries; each try fails with probability f. When everything times out, every call
makes R+1 tries, so offered work λ(1+R) meets capacity C: above C a bad state sustains itself, and below C the good
one exists too. Loads in between are *vulnerable*: the past decides in which of the two states the system is.
Sources: Bronson et al., HotOS'21 (doi.org/10.1145/3458336.3465286); sre.google/sre-book/handling-overload;
brooker.co.za/blog/2022/02/28/retries.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stormlab.sim.theory.domain import (
    require_count,
    require_not_negative,
    require_positive,
    require_probability,
)


class Region(StrEnum):
    """Where a load stands: one good state, two possible states, or no good state at all."""

    STABLE = "stable"
    VULNERABLE = "vulnerable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerableRange:
    """Loads between ``low`` and ``high`` (both exclusive) can be trapped in a bad state by a passing trigger."""

    low: float
    high: float

    def region(self, load: float) -> Region:
        """The region that ``load`` lies in, in the units of the bounds."""
        require_not_negative(load=load)
        if load <= self.low:
            return Region.STABLE
        return Region.VULNERABLE if load < self.high else Region.OVERLOADED


def success_probability(*, failure: float, retries: int) -> float:
    """Chance that one of the tries succeeds when each fails independently: 1 − f^(R+1)."""
    require_probability(failure=failure)
    require_count(least=0, retries=retries)
    return 1 - failure ** (retries + 1)


def attempts_per_call(*, failure: float, retries: int) -> float:
    """Mean tries of a call when each fails independently: (1 − f^(R+1))/(1 − f)."""
    require_probability(failure=failure)
    require_count(least=0, retries=retries)
    return sum(failure**attempt for attempt in range(retries + 1))


def layered_attempts(*, tries: int, layers: int) -> int:
    """Most tries at the bottom of ``layers`` that each make up to ``tries`` of the layer below: tries^layers."""
    require_count(tries=tries)
    require_count(least=0, layers=layers)
    return int(tries**layers)


def budget_ceiling(*, ratio: float, bucket: float = 1.0, clients: int = 0, calls: float = 1.0) -> float:
    """Tries per call that a retry budget lets through at most: 1 + φ + (B−1)·clients/calls.

    Every call earns ``ratio`` φ of a retry; each of ``clients`` starts with a full bucket of B tokens, of which all but
    one can be spent, spread over ``calls`` in all.
    """
    require_not_negative(ratio=ratio)
    require_positive(bucket=bucket, calls=calls)
    require_count(least=0, clients=clients)
    return 1 + ratio + (bucket - 1) * clients / calls


def affordable_retry_ratio(*, capacity: float, load: float) -> float:
    """Retries per call that ``capacity`` has room for on top of ``load``: C/λ − 1, below 0 when overloaded."""
    require_positive(capacity=capacity, load=load)
    return capacity / load - 1


def vulnerable_to_retries(*, capacity: float, retries: int) -> VulnerableRange:
    """Loads that up to ``retries`` retries after timeouts can trap: C/(1+R) < λ < C."""
    require_positive(capacity=capacity)
    require_count(least=0, retries=retries)
    return VulnerableRange(low=capacity / (1 + retries), high=capacity)


def vulnerable_to_cache_loss(*, database_capacity: float, hit_ratio: float) -> VulnerableRange:
    """Loads that a look-aside cache with ``hit_ratio`` carries only while it is warm: C < λ < C/(1−h)."""
    require_positive(database_capacity=database_capacity)
    require_probability(hit_ratio=hit_ratio)
    warm = database_capacity / (1 - hit_ratio) if hit_ratio < 1 else float("inf")
    return VulnerableRange(low=database_capacity, high=warm)


def throttled_fraction(*, demand: float, accepted: float, multiplier: float = 2.0) -> float:
    """Share of calls that adaptive client throttling rejects locally in steady state: max(0, 1 − K·C/D).

    ``demand`` D and ``accepted`` C (what the backend can accept) per s; ``multiplier`` K of at least 1.
    Source: sre.google/sre-book/handling-overload.
    """
    require_positive(demand=demand, accepted=accepted, multiplier=multiplier)
    return max(0.0, 1 - multiplier * accepted / demand)


def contended_calls(clients: int) -> tuple[int, int]:
    """Fewest and most writes by which ``clients`` each update one row once under optimistic concurrency.

    N ≤ calls ≤ N(N+1)/2 for every backoff: a success fails at most the one write in flight of each other client.
    """
    require_count(least=0, clients=clients)
    return clients, clients * (clients + 1) // 2
