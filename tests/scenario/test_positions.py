"""The scanner finds the line of every key that the standard parser finds."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from stormlab.scenario.loader import catalogue
from stormlab.scenario.positions import Key, key_lines

TEXT = '''# a comment with [brackets] and key = value
title = "one # two ] } = \\" three"
text = """
[not.a.table]
key = "quoted" \\""" still
"""
raw = \'\'\'
[[nor.this]]
\'\'\'
literal = 'C:\\'
a.b.c = 1
"quoted.key" = 2
empty = []
date = 1979-05-27T07:32:00Z

[table] # comment
numbers = [ 1, 2, # comment ]
  [3, 4],
  { x = 1, y = { z = "}" } },
]

[[list]]
name = "first"
  [list.sub]
  k = 1
[[list]]
name = "second"
[[list.inner]]
n = 1
[[list.inner]]
n = 2
'''


def every_key(node: Any, path: Key = ()) -> set[Key]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return {path}.union(*(every_key(value, (*path, part)) for part, value in below))


def test_lines_of_a_file_that_holds_every_construct() -> None:
    lines = key_lines(TEXT)
    assert {key: lines[key] for key in EXPECTED} == EXPECTED


EXPECTED: dict[Key, int] = {
    ("title",): 2,
    ("text",): 3,
    ("raw",): 7,
    ("literal",): 10,
    ("a", "b", "c"): 11,
    ("quoted.key",): 12,
    ("empty",): 13,
    ("date",): 14,
    ("table",): 16,
    ("table", "numbers"): 17,
    ("table", "numbers", 1): 17,
    ("table", "numbers", 2, 1): 18,
    ("table", "numbers", 3, "y", "z"): 19,
    ("list", 0, "name"): 23,
    ("list", 0, "sub", "k"): 25,
    ("list", 1, "name"): 27,
    ("list", 1, "inner", 0, "n"): 29,
    ("list", 1, "inner", 1, "n"): 31,
}


def test_no_key_is_forgotten_and_none_invented() -> None:
    assert set(key_lines(TEXT)) == every_key(tomllib.loads(TEXT)) - {()}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_key_of_every_scenario_has_a_line_on_which_it_stands(name: str) -> None:
    text = catalogue()[name].read_text(encoding="utf-8")
    lines, written = key_lines(text), text.splitlines()
    implied = every_key(tomllib.loads(text)) - set(lines)
    assert all(isinstance(part, str) for key in implied for part in key), "only tables above a header have no line"
    for key, line in lines.items():
        if isinstance(key[-1], str):
            assert key[-1] in written[line - 1]
