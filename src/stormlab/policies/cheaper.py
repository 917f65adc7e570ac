"""Ask for less when the whole answer is not to be had: fewer results, no recommendations, the text without pictures.

Unlike a stale answer a cheaper one costs the callee something, so it helps only as far as it is really cheaper: of a
share f of failures, f·effort times the demand is added to the load of a callee that is in trouble already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.events import FellBack
from stormlab.outcome import Ending, Outcome
from stormlab.policies.base import Scope
from stormlab.policies.checks import positive
from stormlab.units import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class CheaperAnswer:
    """After a failure that may pass, asks once more, for an answer that costs ``effort`` times the work of a full one.

    The question counts as a further attempt, so that budgets further in pay for it. When it fails too, the first
    failure is the answer. The answer is a success with the reason "cheaper". ``effort`` above 1 says what a path costs
    that is dearer than what it stands in for.
    """

    kind: Literal["cheaper-answer"] = "cheaper-answer"
    effort: Number = 0.2

    def __post_init__(self) -> None:
        positive("effort", self.effort)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        effort, listener, edge = self.effort, scope.listener, scope.edge

        def covered(now: float, request: Request) -> Steps:
            now, outcome = yield from inner(now, request)
            if not outcome.transient or (request.deadline is not None and now >= request.deadline):
                return now, outcome
            lesser = request.again(request.attempt + 1, outcome.ending)._replace(effort=request.effort * effort)
            now, cheaper = yield from inner(now, lesser)
            if not cheaper.ok:
                return now, outcome
            listener(FellBack(now, edge, outcome, 0.0))
            return now, Outcome(Ending.OK, cheaper.value, "cheaper", error=outcome.error)

        return covered
