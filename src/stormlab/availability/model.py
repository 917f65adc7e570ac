"""Arrangements of components as a tree of values: what must be up for the whole to be up.

A component that stands in several places of the tree is one physical thing: it is up in all of them or in none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from stormlab.errors import BadInput

MAX_COMPONENTS = 256
MAX_REPEATED = 12
MAX_NODES = 2_000

DEFAULT_MTTR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing that fails on its own; equal ``name`` means the same thing.

    ``up`` and ``down`` are the long-run fractions of time in either state; both are kept because 1 − ``up`` would lose
    the digits that matter. ``mttr`` is the mean time to repair in s; only simulations need it.
    """

    name: str
    up: float
    down: float
    mttr: float = DEFAULT_MTTR

    @property
    def mttf(self) -> float:
        """Mean time to failure in s that goes with the availability and the repair time; infinite if it never fails."""
        return self.mttr * self.up / self.down if self.down else float("inf")


@dataclass(frozen=True, slots=True)
class Series:
    """Up when all ``parts`` are."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Up when any of ``parts`` is."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class KofN:
    """Up when at least ``needed`` of ``parts`` are."""

    needed: int
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Bridge:
    """Paths a–b and c–d with a link e between their middles: ``parts`` are a, b, c, d, e. Up when a path is."""

    parts: tuple[Node, ...]


Node: TypeAlias = Component | Series | Parallel | KofN | Bridge


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole arrangement. Raises ``BadInput`` when it is too large to be evaluated exactly."""

    root: Node

    def __post_init__(self) -> None:
        places = sum(1 for _ in leaves(self.root))
        if len(self.components) > MAX_COMPONENTS:
            raise BadInput(f"{len(self.components)} components; an expression may have {MAX_COMPONENTS}, split it up")
        if places > MAX_NODES:
            raise BadInput(f"components are used {places} times; at most {MAX_NODES} are possible, split it up")
        if len(self.repeated) > MAX_REPEATED:
            raise BadInput(
                f"{len(self.repeated)} components are used in more than one place; "
                f"at most {MAX_REPEATED} are possible, merge some of them into one"
            )

    @property
    def components(self) -> tuple[Component, ...]:
        """Every component once, in the order of first use."""
        return tuple(dict.fromkeys(leaves(self.root)))

    @property
    def repeated(self) -> tuple[Component, ...]:
        """The components that stand in more than one place."""
        return tuple(component for component, uses in Counter(leaves(self.root)).items() if uses > 1)


def leaves(node: Node) -> Iterator[Component]:
    """The components under ``node``, once per place they stand in, from left to right."""
    if isinstance(node, Component):
        yield node
        return
    for part in node.parts:
        yield from leaves(part)
