"""Adapters by name: the ones that come along and those that other distributions offer as entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from stormlab.errors import BadInput


def load_adapter(group: str, name: str, own: Mapping[str, str], *, setting: str) -> Any:
    """The object that the adapter ``name`` of ``group`` points to.

    Args:
        own: the adapters that come along, as ``module:object``; an installed one cannot take their names.
        setting: the setting that holds the name, for the message.

    Raises:
        BadInput: there is no such adapter, or it cannot be imported.
    """
    found = {point.name: point for point in entry_points(group=group)}
    found |= {own_name: EntryPoint(own_name, value, group) for own_name, value in own.items()}
    if name not in found:
        raise BadInput(f"{setting}: there is no {name!r}; choose one of: {', '.join(sorted(found))}")
    try:
        return found[name].load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"{setting}: {name!r} ({found[name].value}) cannot be loaded: {error}") from error
