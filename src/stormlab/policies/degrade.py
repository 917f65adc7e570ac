"""Answer more cheaply while there is too much to do, before anybody has to be refused.

While more than ``above`` requests are inside, each that enters carries an ``effort`` below 1: the guarded operation
reads it and leaves out what can be left out. Answers that cost e times the work raise the capacity by 1/e.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.policies.base import Scope
from stormlab.policies.checks import count, positive
from stormlab.units import Number


class Strain:
    """Counts who is inside; more than ``above`` strain the server."""

    def __init__(self, above: int) -> None:
        self._above = above
        self.inside = 0

    def enter(self) -> bool:
        """Whether the request that enters should be content with a cheaper answer."""
        self.inside += 1
        return self.inside > self._above

    def leave(self) -> None:
        self.inside -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrade:
    """While more than ``above`` requests are inside, those that enter get answers of ``effort`` times the work.

    ``effort`` is a promise about the cheaper code; where work is emulated it is what the answer costs. Above 1 it says
    that the other path costs more, as error paths sometimes do.
    """

    kind: Literal["degrade"] = "degrade"
    above: int = 50
    effort: Number = 0.2

    def __post_init__(self) -> None:
        count("above", self.above)
        positive("effort", self.effort)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        strain, effort = Strain(self.above), self.effort

        def strained(now: float, request: Request) -> Steps:
            if strain.enter():
                request = request._replace(effort=request.effort * effort)
            try:
                return (yield from inner(now, request))
            finally:
                strain.leave()

        return strained
