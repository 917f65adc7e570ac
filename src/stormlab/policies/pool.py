"""The replicas of one service as their caller sees them: who is in rotation, and who gets the next request.

A pool is a gate: :meth:`Pool.admit` gives a permit that names the replica, and every permit ends in one of the ways of
:mod:`stormlab.policies.gate`. A request whose deadline passed without an answer counts as a time-out, whether or not
anybody comes to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush

from stormlab.effects import Request
from stormlab.events import Listener, StateChanged, ignore
from stormlab.outcome import TIMED_OUT, Outcome, overloaded
from stormlab.policies.balancing import Balancing, balancer
from stormlab.policies.base import RandomSource
from stormlab.policies.health_check import Checker, HealthCheck, Panic
from stormlab.policies.outlier import Ejector, OutlierEjection

_NONE_HEALTHY = overloaded("no-healthy-replica")


class Mood(StrEnum):
    """Whether what is known of the replicas is believed."""

    CALM = "calm"
    PANIC = "panic"


@dataclass(slots=True, eq=False)
class Permit:
    """One request on its way to ``replica``; ``open`` until it has ended."""

    replica: int
    open: bool = True


class Pool:
    """Chooses among ``size`` replicas by ``balancing``, without those that are ejected or unhealthy.

    Args:
        size: 1 or more replicas, numbered from 0.
        random: draws for two choices and for rules that are enforced with a probability.
        listener: is told of every change of state; the edge of the event is ``name/replica``.
    """

    def __init__(
        self,
        size: int,
        *,
        random: RandomSource,
        balancing: Balancing = "round-robin",
        outlier: OutlierEjection | None = None,
        health: HealthCheck | None = None,
        panic: Panic | None = None,
        listener: Listener = ignore,
        name: str = "",
    ) -> None:
        self.loads = [0] * size
        self.mood = Mood.CALM
        self.health = health
        self._everybody: Sequence[int] = range(size)
        self._balancer = balancer(balancing, random)
        self._panic = panic or Panic()
        self._listener = listener
        self._name = name
        self._ejector = Ejector(outlier, size, random, self._telling(OutlierEjection.kind)) if outlier else None
        self._checker = Checker(health, size, self._telling(HealthCheck.kind)) if health else None
        self._out: frozenset[int] = frozenset()
        self._rotation: Sequence[int] = self._everybody
        self._deadlines: list[tuple[float, int, Permit]] = []
        self._admitted = 0

    def resize(self, size: int) -> None:
        """From now on only the first ``size`` replicas are there, at most as many as at the beginning."""
        self._everybody = self._rotation = range(size)
        self._out = frozenset()

    def limit_to(self, now: float, replicas: Sequence[int]) -> None:
        """From now on the pool is these ``replicas``, ascending; the others do not exist."""
        self._everybody = replicas
        self._rotation = self._without(now, self._out)

    def believe(self, panic: Panic) -> None:
        """Judge from now on by ``panic`` whether too few are healthy."""
        self._panic = panic
        self._rotation, self._out = self._everybody, frozenset()

    def admit(self, now: float, request: Request) -> Permit | None:
        """A permit for the chosen replica; ``None`` when there is none that may be asked."""
        self.expire(now)
        among = self.rotation(now)
        if not among:
            return None
        permit = Permit(self._balancer.choose(among, self.loads))
        self.loads[permit.replica] += 1
        if request.deadline is not None:
            self._admitted += 1
            heappush(self._deadlines, (request.deadline, self._admitted, permit))
        return permit

    def settle(self, now: float, permit: Permit, outcome: Outcome) -> None:
        """The request ended with ``outcome``; nothing happens when it had ended already."""
        if permit.open:
            self.ignore(permit)
            if self._ejector is not None:
                self._ejector.record(now, permit.replica, outcome)

    def ignore(self, permit: Permit) -> None:
        """The request was cut off for reasons of its caller."""
        if permit.open:
            permit.open = False
            self.loads[permit.replica] -= 1

    def refusal(self, now: float) -> Outcome:
        return _NONE_HEALTHY

    @property
    def unhealthy(self) -> frozenset[int]:
        """The replicas that health checks have found unhealthy, whether or not that is believed."""
        return self._checker.unhealthy if self._checker is not None else frozenset()

    def probed(self, now: float, replica: int, *, ok: bool) -> None:
        """A health check of ``replica`` ended."""
        if self._checker is not None:
            self._checker.record(now, replica, ok=ok)

    def expire(self, now: float) -> None:
        """Requests whose deadline has passed are time-outs."""
        deadlines = self._deadlines
        while deadlines and (deadlines[0][0] <= now or not deadlines[0][2].open):
            deadline, _, permit = heappop(deadlines)
            self.settle(deadline, permit, TIMED_OUT)

    def rotation(self, now: float) -> Sequence[int]:
        """The replicas that may be asked now."""
        ejector, checker = self._ejector, self._checker
        if ejector is None and checker is None:
            return self._everybody
        if ejector is not None:
            ejector.advance(now)
        out = (ejector.ejected if ejector else frozenset()) | (checker.unhealthy if checker else frozenset())
        if out != self._out:
            self._out = out
            self._rotation = self._without(now, out)
        return self._rotation

    def _without(self, now: float, out: frozenset[int]) -> Sequence[int]:
        """Everybody but those who are ``out``, unless that is too few to be believed."""
        left = [replica for replica in self._everybody if replica not in out]
        panics = len(left) < self._panic.threshold * len(self._everybody)
        self._feel(now, Mood.PANIC if panics else Mood.CALM)
        if not panics:
            return left
        return self._everybody if self._panic.action == "fail-open" else ()

    def _feel(self, now: float, mood: Mood) -> None:
        if mood is not self.mood:
            self._listener(StateChanged(now, self._name, Panic.kind, self.mood, mood))
            self.mood = mood

    def _telling(self, kind: str) -> Callable[[float, int, str, str], None]:
        def moved(now: float, replica: int, before: str, after: str) -> None:
            self._listener(StateChanged(now, f"{self._name}/{replica}", kind, before, after))

        return moved
