"""Do an operation once, however often it is asked for: the answer is remembered under the caller's idempotency key.

A caller that got no answer cannot know whether the operation was done. With a key that all its tries share it may ask
again: the first try does the work, later ones get its answer (draft-ietf-httpapi-idempotency-key-header; Stripe keeps
keys for 24 hours, docs.stripe.com/api/idempotent_requests). A try that comes while another is under way is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from stormlab.effects import Request, Steps, Strategy
from stormlab.outcome import Ending, Outcome, refused
from stormlab.policies.base import Scope
from stormlab.policies.checks import count, not_negative, positive
from stormlab.units import Seconds

IN_PROGRESS = "in-progress"


class State(StrEnum):
    """What is known about a key."""

    UNKNOWN = "unknown"
    UNDER_WAY = "under-way"
    DONE = "done"


#: What happens to a key; anything else leaves its state as it is.
TRANSITIONS: dict[tuple[State, str], State] = {
    (State.UNKNOWN, "asked for"): State.UNDER_WAY,
    (State.UNDER_WAY, "answered"): State.DONE,
    (State.UNDER_WAY, "failed, refused or cut off"): State.UNKNOWN,
    (State.DONE, "expired or crowded out"): State.UNKNOWN,
}


class Answers:
    """At most ``capacity`` answers for ``ttl`` s each, the oldest making room; and the keys that are under way."""

    def __init__(self, *, capacity: int, ttl: float) -> None:
        self._capacity, self._ttl = capacity, ttl
        self._done: OrderedDict[str, tuple[float, Outcome]] = OrderedDict()
        self._under_way: set[str] = set()

    def __len__(self) -> int:
        return len(self._done)

    def state(self, now: float, token: str) -> State:
        if token in self._under_way:
            return State.UNDER_WAY
        return State.DONE if self.find(now, token) is not None else State.UNKNOWN

    def find(self, now: float, token: str) -> Outcome | None:
        """The answer that is remembered for ``token``."""
        self._forget(now)
        found = self._done.get(token)
        return None if found is None else found[1]

    def begin(self, token: str) -> bool:
        """Whether the work may begin, because nobody else is at it."""
        if token in self._under_way:
            return False
        self._under_way.add(token)
        return True

    def drop(self, token: str) -> None:
        """The work came to nothing that is worth remembering."""
        self._under_way.discard(token)

    def keep(self, now: float, token: str, outcome: Outcome) -> None:
        self._under_way.discard(token)
        self._done[token] = (now, outcome)
        if len(self._done) > self._capacity:
            self._done.popitem(last=False)

    def _forget(self, now: float) -> None:
        while self._done and now - next(iter(self._done.values()))[0] > self._ttl:
            self._done.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotent:
    """Remembers the answers to the last ``capacity`` idempotency keys for ``ttl`` s.

    Successes and bad requests are remembered; with ``remember`` "all" failures as well, which makes a passing failure a
    lasting one. A try that comes while another is under way is refused and asked to come back after ``retry_after`` s.
    Requests without a key pass.
    """

    kind: Literal["idempotent"] = "idempotent"
    capacity: int = 10_000
    ttl: Seconds = 86_400.0
    remember: Literal["final", "all"] = "final"
    retry_after: Seconds = 0.0

    def __post_init__(self) -> None:
        count("capacity", self.capacity, least=1)
        positive("ttl", self.ttl)
        not_negative("retry_after", self.retry_after)

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        answers = Answers(capacity=self.capacity, ttl=self.ttl)
        everything, busy = self.remember == "all", refused(IN_PROGRESS, self.retry_after)

        def once(now: float, request: Request) -> Steps:
            token = request.token
            if not token:
                return (yield from inner(now, request))
            known = answers.find(now, token)
            if known is not None:
                return now, known
            if not answers.begin(token):
                return now, busy
            try:
                now, outcome = yield from inner(now, request)
            except BaseException:
                answers.drop(token)
                raise
            if _final(outcome) or (everything and outcome.ending is not Ending.REFUSED):
                answers.keep(now, token, outcome)
            else:
                answers.drop(token)
            return now, outcome

        return once


def _final(outcome: Outcome) -> bool:
    return outcome.ok or outcome.ending is Ending.INVALID
