"""Answer with what was true a while ago when the truth is not to be had: a degraded answer instead of none."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.events import FellBack
from stormlab.outcome import Ending, Outcome
from stormlab.policies.base import Scope
from stormlab.policies.checks import count, positive
from stormlab.units import Seconds


class LastGood:
    """The latest answer for each key, at most ``capacity`` of them; the least recently written goes first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def keep(self, now: float, key: str, value: Any) -> None:
        self._answers[key] = (now, value)
        self._answers.move_to_end(key)
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)

    def find(self, key: str) -> tuple[float, Any] | None:
        """When it was kept, and what, or ``None``."""
        return self._answers.get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Replaces a failure by the last good answer for the same ``request.key``, if that is at most ``max_age`` s old.

    A bad request stays one. The answer is a success with the reason "fallback". Belongs outside of everything that
    makes failures.
    """

    kind: Literal["fallback"] = "fallback"
    max_age: Seconds = 60.0
    capacity: int = 1000

    def __post_init__(self) -> None:
        positive("max_age", self.max_age)
        count("capacity", self.capacity, least=1)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        answers, max_age, listener, edge = LastGood(self.capacity), self.max_age, scope.listener, scope.edge

        def covered(now: float, request: Request) -> Steps:
            now, outcome = yield from inner(now, request)
            if outcome.ok:
                answers.keep(now, request.key, outcome.value)
                return now, outcome
            found = answers.find(request.key)
            if found is None or now - found[0] > max_age or outcome.ending is Ending.INVALID:
                return now, outcome
            kept, value = found
            listener(FellBack(now, edge, outcome, now - kept))
            return now, Outcome(Ending.OK, value, "fallback", error=outcome.error)

        return covered
