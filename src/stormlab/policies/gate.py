"""Policies that let a call through or do not: they hand out permits, and every permit ends in one of three ways.

*Settled*: the call ended and counts, as a success or as dropped. *Ignored*: it was cut off, or nothing was sent because
a policy further in refused; it must not count, lest cancelled work poison the statistics.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from stormlab.effects import Request, Steps, Strategy
from stormlab.outcome import Ending, Outcome

Permit = TypeVar("Permit")


class Gate(Protocol[Permit]):
    """A decision class: numbers in, numbers out. ``now`` is in s."""

    def admit(self, now: float, request: Request) -> Permit | None:
        """A permit, or ``None`` when the call is refused."""
        ...

    def settle(self, now: float, permit: Permit, outcome: Outcome) -> None:
        """The call ended with ``outcome``."""
        ...

    def ignore(self, permit: Permit) -> None:
        """The call was cut off, or nothing was sent."""
        ...

    def refusal(self, now: float) -> Outcome:
        """What a refused call is answered with."""
        ...


def gated(inner: Strategy, gate: Gate[Permit]) -> Strategy:
    """``inner`` for those whom ``gate`` admits."""

    def steps(now: float, request: Request) -> Steps:
        permit = gate.admit(now, request)
        if permit is None:
            return now, gate.refusal(now)
        try:
            now, outcome = yield from inner(now, request)
        except BaseException:
            gate.ignore(permit)
            raise
        if outcome.ending is Ending.REFUSED:
            gate.ignore(permit)
        else:
            gate.settle(now, permit, outcome)
        return now, outcome

    return steps
