"""The scenario language read off its types: which keys a table has, what each holds and in which unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from stormlab.scenario.positions import Key
from stormlab.units import Unit


@cache
def keys(table: type) -> dict[str, Any]:
    """The type of every key of ``table``, by the key as it stands in the file."""
    hints = get_type_hints(table, include_extras=True)
    if issubclass(table, BaseModel):
        return {field.alias or name: hints[name] for name, field in table.model_fields.items()}
    return {field.name: hints[field.name] for field in dataclasses.fields(cast(Any, table))}


def is_table(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, BaseModel) or dataclasses.is_dataclass(hint))


def members(hint: Any) -> Iterator[Any]:
    """The types that a value of type ``hint`` may have, without annotations."""
    origin = get_origin(hint)
    if origin is Annotated:
        yield from members(get_args(hint)[0])
    elif origin in (Union, UnionType):
        for member in get_args(hint):
            yield from members(member)
    else:
        yield hint


def annotated(hint: Any) -> Iterator[Any]:
    """What is annotated to ``hint`` or to one of its members."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        yield from notes
        yield from annotated(inner)
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from annotated(member)


def unit(hint: Any) -> Unit | None:
    """The declared unit of a number, if there is one."""
    return next((found for found in annotated(hint) if isinstance(found, Unit)), None)


def kind_of(table: type) -> str:
    """The value of the key ``kind`` that says that a table is this one; empty when no key says it."""
    hint = keys(table).get("kind")
    return str(get_args(hint)[0]) if get_origin(hint) is Literal else ""


def item_type(hint: Any, part: str | int) -> Any:
    """The type of what ``part`` names in a list or a free table of type ``hint``; ``None`` when there is none."""
    for member in members(hint):
        arguments = get_args(member)
        if get_origin(member) is dict:
            return arguments[1]
        if get_origin(member) is tuple and isinstance(part, int):
            if arguments[-1] is Ellipsis:
                return arguments[0]
            return arguments[part] if part < len(arguments) else None
    return None


def table_at(root: type, tree: Any, key: Key) -> type | None:
    """Which table of the language stands at ``key`` of ``tree``; ``None`` when that cannot be told."""
    hint: Any = root
    node = tree
    for part in key:
        table = _chosen(hint, node)
        hint = keys(table).get(str(part)) if table else item_type(hint, part)
        try:
            node = node[part]
        except (LookupError, TypeError):
            return None
    return _chosen(hint, node)


def _chosen(hint: Any, node: Any) -> type | None:
    """The table that ``node`` is meant to be, told by its ``kind`` where there are several."""
    tables = [member for member in members(hint) if is_table(member)]
    if len(tables) <= 1:
        return tables[0] if tables else None
    kind = node.get("kind") if isinstance(node, dict) else None
    return next((table for table in tables if kind_of(table) == kind), None)


def every_table(root: type) -> list[type]:
    """``root`` and every table below it, each once, in the order of the language."""
    found: dict[type, None] = {}

    def visit(hint: Any) -> None:
        for member in members(hint):
            if is_table(member):
                if member not in found:
                    found[member] = None
                    for below in keys(member).values():
                        visit(below)
            else:
                for argument in get_args(member) if get_origin(member) in (tuple, dict) else ():
                    visit(argument)

    visit(root)
    return list(found)
