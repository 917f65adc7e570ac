"""Dotted paths into a scenario's tree; an element of a list is named by its index, its ``name`` or its ``kind``."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from stormlab.errors import BadInput
from stormlab.scenario.positions import Key


def assign(tree: Any, path: str, value: Any) -> Any:
    """A copy of ``tree`` in which ``path`` is ``value``; the last key may be new, those before it must exist.

    Raises:
        BadInput: the path leads nowhere; the message names the part that does not exist.
    """
    return _assign(tree, resolve(tree, path), value)


def lookup(tree: Any, path: str) -> Any:
    """What stands at ``path``; raises as :func:`assign` does, also when the last key does not exist."""
    node = tree
    for part in resolve(tree, path):
        if isinstance(node, dict) and part not in node:
            raise _missing(path, str(part), node)
        node = node[part]
    return node


def resolve(tree: Any, path: str) -> Key:
    """``path`` with the names of list elements replaced by their indices; raises as :func:`assign` does."""
    parts, node = path.split("."), tree
    key: Key = ()
    for index, part in enumerate(parts):
        if isinstance(node, dict):
            key = (*key, part)
            if part in node:
                node = node[part]
            elif index < len(parts) - 1:
                raise _missing(path, part, node)
        elif isinstance(node, list):
            key = (*key, _index(node, part, path))
            node = node[key[-1]]  # type: ignore[index]
        else:
            raise BadInput(f"{path}: there is nothing below {parts[index - 1]!r}, it is a plain value")
    return key


def near(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that was probably meant, or nothing."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.5 if len(word) <= 3 else 0.65)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _assign(node: Any, key: Key, value: Any) -> Any:
    if not key:
        return value
    part, rest = key[0], key[1:]
    if isinstance(part, int):
        return [*node[:part], _assign(node[part], rest, value), *node[part + 1 :]]
    return {**node, part: _assign(node.get(part), rest, value)}


def _index(items: list[Any], part: str, path: str) -> int:
    names = [{item.get("name"), item.get("kind")} if isinstance(item, dict) else set() for item in items]
    for index, labels in enumerate(names):
        if part in labels or part == str(index):
            return index
    known = ", ".join(sorted({label for labels in names for label in labels if label}))
    raise BadInput(f"{path}: no element {part!r} in the list (there is: {known or f'0 to {len(items) - 1}'})")


def _missing(path: str, part: str, node: dict[str, Any]) -> BadInput:
    return BadInput(f"{path}: there is no {part!r} here{near(part, node)} (there is: {', '.join(node)})")
