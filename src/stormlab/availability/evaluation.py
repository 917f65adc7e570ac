"""Exact availability of an arrangement, and how much each component matters to it.

Independent parts combine by products. A component in several places makes them dependent, so all states of the
repeated ones are gone through (factoring) and weighted. Chances of being up and of being down travel side by side:
every step adds and multiplies numbers of one sign, so neither loses digits, however many nines there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import TypeAlias

import numpy as np

from stormlab.availability.model import Bridge, Component, Expression, KofN, Node, Parallel, Series

Chances: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_MOST_ENTRIES = 32_768


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of being up and of being down, which sum to 1; one pair per scenario."""

    up: Chances
    down: Chances

    def both(self, other: Odds) -> Odds:
        """The odds that both are up."""
        return Odds(self.up * other.up, self.down + self.up * other.down)

    def either(self, other: Odds) -> Odds:
        """The odds that at least one is up."""
        return Odds(self.up + self.down * other.up, self.down * other.down)

    def choose(self, when_up: Odds, when_down: Odds) -> Odds:
        """The odds of ``when_up`` or ``when_down``, by the state of this one."""
        return Odds(
            self.up * when_up.up + self.down * when_down.up,
            self.up * when_up.down + self.down * when_down.down,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What a component means to the whole.

    ``birnbaum`` is the availability with it up minus with it down, which is also the gain per unit of its own
    availability; ``share`` the fraction of the downtime in which it is down and its being up would make the difference.
    """

    component: Component
    birnbaum: float
    share: float


def combine(node: Node, odds: Mapping[Component, Odds]) -> Odds:
    """The odds of ``node`` from those of its components, which must be independent of one another (or certain)."""
    if isinstance(node, Component):
        return odds[node]
    parts = [combine(part, odds) for part in node.parts]
    match node:
        case Series():
            return reduce(Odds.both, parts)
        case Parallel():
            return reduce(Odds.either, parts)
        case KofN():
            return _at_least(node.needed, parts)
        case Bridge():
            a, b, c, d, link = parts
            return link.choose(a.either(c).both(b.either(d)), a.both(b).either(c.both(d)))


def evaluate(expression: Expression) -> float:
    """The fraction of time in which the whole is up."""
    return float(whole(expression).up[0])


def whole(expression: Expression) -> Odds:
    """The odds of the whole, as arrays with one entry."""
    return _conditioned(expression, {component: component_odds(component) for component in expression.components})


def importance(expression: Expression) -> tuple[Importance, ...]:
    """Every component with what it means to the whole, the most important first."""
    unavailability = float(whole(expression).down[0])
    found = []
    for batch in _batches(expression):
        for component, birnbaum in zip(batch, _differences(expression, batch), strict=True):
            share = min(1.0, component.down * birnbaum / unavailability) if unavailability else 0.0
            found.append(Importance(component=component, birnbaum=float(birnbaum), share=share))
    return tuple(sorted(found, key=lambda entry: -entry.birnbaum))


def component_odds(component: Component) -> Odds:
    """The odds of one component, as arrays with one entry."""
    return Odds(np.array([component.up]), np.array([component.down]))


def _batches(expression: Expression) -> Iterator[tuple[Component, ...]]:
    """Components in lots whose arrays stay small."""
    components = expression.components
    size = max(1, _MOST_ENTRIES >> len(expression.repeated))
    return (components[start : start + size] for start in range(0, len(components), size))


def _differences(expression: Expression, batch: Sequence[Component]) -> Chances:
    """Availability with a component up minus with it down, for each of ``batch``; two scenarios per component."""
    odds = {component: component_odds(component) for component in expression.components}
    for position, component in enumerate(batch):
        up = np.full(2 * len(batch), component.up)
        down = np.full(2 * len(batch), component.down)
        up[2 * position : 2 * position + 2] = 1.0, 0.0
        down[2 * position : 2 * position + 2] = 0.0, 1.0
        odds[component] = Odds(up, down)
    result = _conditioned(expression, odds)
    gain, loss = result.up[::2] - result.up[1::2], result.down[1::2] - result.down[::2]
    return np.where(result.up[::2] < result.down[1::2], gain, loss)


def _conditioned(expression: Expression, odds: Mapping[Component, Odds]) -> Odds:
    """Weighs :func:`combine` over every state of the components that stand in more than one place."""
    repeated = expression.repeated
    if not repeated:
        return combine(expression.root, odds)
    states = np.array(list(product((1.0, 0.0), repeat=len(repeated)))).T[:, :, None]
    weight = reduce(np.multiply, (np.where(up, odds[one].up, odds[one].down) for one, up in _paired(repeated, states)))
    certain = {one: Odds(up, 1 - up) for one, up in _paired(repeated, states)}
    result = combine(expression.root, {**odds, **certain})
    return Odds((weight * result.up).sum(axis=0), (weight * result.down).sum(axis=0))


def _paired(repeated: Sequence[Component], states: Chances) -> list[tuple[Component, Chances]]:
    return list(zip(repeated, states, strict=True))


def _at_least(needed: int, parts: Sequence[Odds]) -> Odds:
    """By the distribution of the number that is up, one part at a time."""
    counts: list[Chances] = [np.ones(1)]
    for part in parts:
        stay = [chance * part.down for chance in counts] + [np.zeros(1)]
        rise = [np.zeros(1)] + [chance * part.up for chance in counts]
        counts = [one + other for one, other in zip(stay, rise, strict=True)]
    zero = np.zeros(1)
    return Odds(sum(counts[needed:], start=zero), sum(counts[:needed], start=zero))
