"""Validation errors in the words of whoever wrote the file: file, line, key, what is wrong, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stormlab.errors import InvalidValue
from stormlab.scenario.paths import near
from stormlab.scenario.positions import Key
from stormlab.scenario.schema import is_table, item_type, keys, kind_of, members, table_at

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with ``key``, and the remedy."""

    key: Key
    text: str

    def __str__(self) -> str:
        dotted = ".".join(str(part) for part in self.key)
        return f"{dotted}: {self.text}" if dotted else self.text


class Contradictions(ValueError):
    """Values that are fine by themselves and do not go together; ``field`` of each is its dotted path."""

    def __init__(self, found: Iterable[InvalidValue]) -> None:
        self.found = list(found)
        super().__init__("; ".join(str(one) for one in self.found))


def problems(error: ValidationError, tree: Any, root: type[BaseModel]) -> list[Problem]:
    """One entry per mistake that pydantic found in ``tree`` when it was validated as ``root``."""
    found: dict[Key, Problem] = {}
    details = [(_key(detail["loc"], root), detail) for detail in error.errors()]
    for key, detail in _without_echoes(details):
        for problem in _worded(key, detail, tree, root):
            found.setdefault(problem.key, problem)
    return list(found.values())


def _key(location: Sequence[str | int], root: type[BaseModel]) -> Key:
    """The location without the tags that say which table of several it is: they are not keys of the file."""
    hint: Any = root
    key: Key = ()
    for part in location:
        tables = [member for member in members(hint) if is_table(member)]
        if len(tables) > 1:
            hint = next((table for table in tables if kind_of(table) == part), None)
        elif part != "[key]":
            hint = keys(tables[0]).get(str(part)) if tables else item_type(hint, part)
            key = (*key, part)
    return key


def _without_echoes(details: Sequence[tuple[Key, ErrorDetails]]) -> Iterator[tuple[Key, ErrorDetails]]:
    """All but the keys that are missing only because a typo gave them another name."""
    unknown = [key for key, detail in details if detail["type"] in _UNKNOWN]
    for key, detail in details:
        typos = (other for other in unknown if other[:-1] == key[:-1] and near(str(other[-1]), [str(key[-1])]))
        if detail["type"] not in _MISSING or not any(typos):
            yield key, detail


def _worded(key: Key, detail: ErrorDetails, tree: Any, root: type[BaseModel]) -> Iterator[Problem]:
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, Contradictions):
        yield from (Problem((*key, *_parts(one.field)), one.problem) for one in cause.found)
    elif isinstance(cause, InvalidValue):
        yield Problem((*key, *_parts(cause.field)), cause.problem)
    elif detail["type"] == "union_tag_invalid":
        context = detail["ctx"]
        yield Problem((*key, "kind"), _choice("kind", str(context["tag"]), str(context["expected_tags"])))
    elif detail["type"] in _UNKNOWN:
        table = table_at(root, tree, key[:-1])
        yield Problem(key, _unknown_key(str(key[-1]), keys(table) if table else ()))
    else:
        yield Problem(key, _text(detail))


def _unknown_key(name: str, known: Iterable[str]) -> str:
    known = [key for key in known if key != name]
    remedy = near(name, known) or f"; remove it (known here: {', '.join(known) or 'nothing'})"
    return f"unknown key{remedy}"


def _text(detail: ErrorDetails) -> str:
    kind, message, context = detail["type"], detail["msg"], detail.get("ctx", {})
    if kind in _MISSING:
        return "this key is missing; add it"
    if kind == "union_tag_not_found":
        return "this table needs a key `kind` that says what it is"
    if kind in ("enum", "literal_error"):
        return _choice("word", str(detail["input"]), str(context["expected"]))
    if kind == "value_error":
        return str(context.get("error", message))
    if kind == "string_pattern_mismatch":
        return "a name is lower-case letters, digits and hyphens, at most 32 and a letter first"
    if kind in ("model_type", "model_attributes_type", "dataclass_type", "dict_type"):
        return f"this has to be a table, not {detail['input']!r}"
    return f"{message[:1].lower()}{message[1:]}, not {detail['input']!r}"


def _choice(noun: str, given: str, expected: str) -> str:
    known = re.findall(r"'([^']+)'", expected)
    return f"unknown {noun} {given!r}{near(given, known)} (known: {', '.join(known)})"


def _parts(dotted: str) -> Key:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
