"""Exactness: against enumeration of all states, against closed forms, and by properties that must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlab.availability import Component, Expression, evaluate, importance, parse
from stormlab.availability.evaluation import whole
from stormlab.availability.model import Bridge, KofN, Node, Parallel, Series
from stormlab.sim.theory import redundancy

PARTS = [
    Component(name=f"part {number}", up=up, down=1 - up)
    for number, up in enumerate((0.0, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.0, 0.2, 0.85))
]


def _arrangements() -> st.SearchStrategy[Node]:
    def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        parts = st.lists(inner, min_size=1, max_size=4).map(tuple)
        five = st.tuples(inner, inner, inner, inner, inner)
        voting = parts.flatmap(lambda chosen: st.builds(KofN, st.integers(1, len(chosen)), st.just(chosen)))
        return st.one_of(parts.map(Series), parts.map(Parallel), voting, five.map(Bridge))

    return st.recursive(st.sampled_from(PARTS), larger, max_leaves=12)


def _works(node: Node, up: Mapping[Component, bool]) -> bool:
    if isinstance(node, Component):
        return up[node]
    states = [_works(part, up) for part in node.parts]
    if isinstance(node, Bridge):
        a, b, c, d, link = states
        return (a and b) or (c and d) or (link and ((a and d) or (c and b)))
    needed = {Series: len(states), Parallel: 1}.get(type(node)) or node.needed  # type: ignore[union-attr]
    return sum(states) >= needed


def _enumerated(expression: Expression) -> float:
    total = 0.0
    for states in product((True, False), repeat=len(expression.components)):
        up = dict(zip(expression.components, states, strict=True))
        chance = 1.0
        for component, state in up.items():
            chance *= component.up if state else component.down
        total += chance * _works(expression.root, up)
    return total


def _changed(node: Node, component: Component, up: float) -> Node:
    if isinstance(node, Component):
        return replace(node, up=up, down=1 - up) if node == component else node
    return replace(node, parts=tuple(_changed(part, component, up) for part in node.parts))


def _mirrored(node: Node) -> Node:
    """The dual: up and down, series and parallel change places."""
    if isinstance(node, Component):
        return replace(node, up=node.down, down=node.up)
    parts = tuple(_mirrored(part) for part in node.parts)
    match node:
        case Series():
            return Parallel(parts)
        case Parallel():
            return Series(parts)
        case KofN():
            return KofN(len(parts) - node.needed + 1, parts)
        case Bridge():
            a, b, c, d, link = parts
            return Bridge((a, c, b, d, link))


@settings(max_examples=200, deadline=None)
@given(_arrangements())
def test_equals_the_sum_over_all_states(root: Node) -> None:
    expression = Expression(root)
    assert evaluate(expression) == pytest.approx(_enumerated(expression), abs=1e-12)


@settings(deadline=None)
@given(_arrangements())
def test_up_and_down_add_to_one(root: Node) -> None:
    odds = whole(Expression(root))
    assert float(odds.up[0] + odds.down[0]) == pytest.approx(1, abs=1e-12)


@settings(deadline=None)
@given(_arrangements(), st.data())
def test_a_better_component_never_hurts(root: Node, data: st.DataObject) -> None:
    expression = Expression(root)
    component = data.draw(st.sampled_from(expression.components))
    better = data.draw(st.floats(component.up, 1))
    assert evaluate(Expression(_changed(root, component, better))) >= evaluate(expression) - 1e-12


@settings(deadline=None)
@given(_arrangements())
def test_duality(root: Node) -> None:
    assert evaluate(Expression(_mirrored(root))) == pytest.approx(1 - evaluate(Expression(root)), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=8, unique=True))
def test_k_of_n_lies_between_parallel_and_series(parts: list[Component]) -> None:
    values = [evaluate(Expression(KofN(needed, tuple(parts)))) for needed in range(1, len(parts) + 1)]
    assert values[0] == pytest.approx(evaluate(Expression(Parallel(tuple(parts)))), abs=1e-12)
    assert values[-1] == pytest.approx(evaluate(Expression(Series(tuple(parts)))), abs=1e-12)
    assert all(looser >= stricter - 1e-12 for looser, stricter in pairwise(values))


@settings(deadline=None)
@given(st.integers(1, 12), st.floats(0, 1), st.data())
def test_k_of_n_of_equals(units: int, up: float, data: st.DataObject) -> None:
    needed = data.draw(st.integers(1, units))
    parts = tuple(Component(name=str(number), up=up, down=1 - up) for number in range(units))
    assert evaluate(Expression(KofN(needed, parts))) == pytest.approx(redundancy.k_of_n(needed, units, up), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(_arrangements())
def test_importance_is_the_difference_that_the_component_makes(root: Node) -> None:
    expression = Expression(root)
    for entry in importance(expression):
        with_it, without = (_enumerated(Expression(_changed(root, entry.component, up))) for up in (1.0, 0.0))
        assert entry.birnbaum == pytest.approx(with_it - without, abs=1e-12)
        assert 0 <= entry.share <= 1


def test_many_nines_keep_their_digits() -> None:
    assert float(whole(parse("parallel(10 * 0.99)")).down[0]) == pytest.approx(1e-20, rel=1e-12)
    assert float(whole(parse("series(10 * 99.99999999999999999999%)")).down[0]) == pytest.approx(1e-21, rel=1e-12)
    assert float(whole(parse("kofn(1, 10 * 0.99)")).down[0]) == pytest.approx(1e-20, rel=1e-12)


def test_twelve_repeated_components() -> None:
    names = [f"a{number}" for number in range(12)]
    text = "".join(f"{name} = 0.9;" for name in names)
    pair = ", ".join(names)
    assert evaluate(parse(f"{text} series(parallel({pair}), kofn(11, {pair}))")) == pytest.approx(
        redundancy.k_of_n(11, 12, 0.9)
    )


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("series(10 * 0.999)", redundancy.series([0.999] * 10)),
        ("parallel(0.9, 0.8, 0.7)", redundancy.parallel([0.9, 0.8, 0.7])),
        ("bridge(0.9, 0.8, 0.95, 0.85, 0.7)", redundancy.bridge(0.9, 0.8, 0.95, 0.85, 0.7)),
        ("kofn(4, 6 * 0.99)", redundancy.k_of_n(4, 6, 0.99)),
        ("unit(mttf=999h, mttr=1h)", redundancy.unit_availability(mttf=999, mttr=1)),
    ],
)
def test_language_and_closed_forms_agree(text: str, closed: float) -> None:
    assert evaluate(parse(text)) == pytest.approx(closed, rel=1e-12)
