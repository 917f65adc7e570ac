"""What a policy is: frozen numbers that can be bound, around an inner strategy, to what a call needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stormlab.effects import Strategy, call_once
from stormlab.events import Listener, ignore


class RandomSource(Protocol):
    """The part of :class:`random.Random` that policies use."""

    def random(self) -> float: ...

    def uniform(self, a: float, b: float) -> float: ...


class Load(Protocol):
    """What a server knows about its own queue; policies that guard it look at it when a request arrives."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a worker."""
        ...

    @property
    def begun(self) -> int:
        """Requests that have got a worker since the start."""
        ...

    @property
    def waited(self) -> float:
        """How long all of these together waited for it, in s."""
        ...


class NoQueue:
    """The load of what has no queue to look at."""

    waiting = 0
    begun = 0
    waited = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a policy is at work: its random stream, its listener, the name of the edge and the load of the server."""

    random: RandomSource
    listener: Listener = ignore
    edge: str = ""
    load: Load = field(default_factory=NoQueue)


class Policy(Protocol):
    """Numbers that describe a pattern; ``bind`` makes its state and wraps ``inner``."""

    @property
    def kind(self) -> str: ...

    def bind(self, inner: Strategy, scope: Scope) -> Strategy: ...


def compose(policies: Sequence[Policy], scope: Scope, core: Strategy = call_once) -> Strategy:
    """One strategy out of several policies, the outermost first; state is made anew at every call."""
    strategy = core
    for policy in reversed(policies):
        strategy = policy.bind(strategy, scope)
    return strategy


def describe(policies: Sequence[Policy]) -> str:
    """The order of the policies as an arrow chain: ``retry → timeout → call``."""
    return " → ".join([*(policy.kind for policy in policies), "call"])
