"""Every test that the page of published numbers names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "published-numbers.md").read_text(encoding="utf-8")


def named() -> list[tuple[str, str]]:
    """File and test; a test that begins with ``::`` is in the file, and the class, of the one before it."""
    found, path, group = [], "", ""
    for text in re.findall(r"`([a-z_/]+\.py(?:::[\w:]+)?|::\w+)`", PAGE):
        file, _, test = text.partition("::")
        if file:
            path, group = file, f"{test.rpartition('::')[0]}::".removeprefix("::")
            found.append((path, test))
        else:
            found.append((path, group + test))
    return found


def contents(path: Path) -> set[str]:
    """The names of tests in ``path``, those of classes behind the name of their class."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return names


@pytest.mark.parametrize(("file", "test"), named())
def test_it_is_there(file: str, test: str) -> None:
    path = ROOT / "tests" / file
    assert path.is_file()
    assert not test or test in contents(path)


def test_every_row_names_one() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 30
    assert [row for row in rows if "`" not in row[3]] == []
