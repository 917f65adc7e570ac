"""Dotted paths reach into tables and lists, and say where they end."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab.errors import BadInput
from stormlab.scenario.paths import assign, lookup, near, resolve

TREE: dict[str, Any] = {
    "a": {"b": 1},
    "list": [{"kind": "retry", "n": 3}, {"kind": "timeout", "name": "slow", "n": 1}, {"kind": "timeout", "n": 2}],
}


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("a.b", ("a", "b"), 1),
        ("list.retry.n", ("list", 0, "n"), 3),
        ("list.timeout.n", ("list", 1, "n"), 1),
        ("list.slow.n", ("list", 1, "n"), 1),
        ("list.2.n", ("list", 2, "n"), 2),
    ],
)
def test_elements_go_by_index_name_or_kind(path: str, key: tuple[object, ...], value: object) -> None:
    assert resolve(TREE, path) == key
    assert lookup(TREE, path) == value


def test_assigning_copies_what_it_changes() -> None:
    changed = assign(TREE, "list.retry.n", 9)
    assert lookup(changed, "list.retry.n") == 9
    assert lookup(TREE, "list.retry.n") == 3
    assert changed["a"] is TREE["a"]
    assert assign(TREE, "a.new", 1)["a"] == {"b": 1, "new": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("zz.b", "zz.b: there is no 'zz' here (there is: a, list)"),
        ("lists.retry.n", "lists.retry.n: there is no 'lists' here; did you mean 'list'? (there is: a, list)"),
        ("a.b.c", "a.b.c: there is nothing below 'b', it is a plain value"),
        ("list.rety.n", "list.rety.n: no element 'rety' in the list (there is: retry, slow, timeout)"),
        ("list.3.n", "list.3.n: no element '3' in the list (there is: retry, slow, timeout)"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ended(path: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        assign(TREE, path, 0)
    assert str(caught.value) == message


def test_looking_up_needs_the_last_key_too() -> None:
    with pytest.raises(BadInput, match="no 'bb' here"):
        lookup(TREE, "a.bb")


def test_hints_are_given_only_for_near_words() -> None:
    assert near("secnods", ["seconds", "kind"]) == "; did you mean 'seconds'?"
    assert near("window", ["kind", "at"]) == ""
