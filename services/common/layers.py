"""Layers of settings: who said what, merged by precedence and checked as a whole."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from stormlab.errors import BadInput


@dataclass(frozen=True, slots=True)
class LiveMark:
    """Marks a setting that is taken over while the service runs."""


LIVE = LiveMark()


def is_live(field: FieldInfo) -> bool:
    return LIVE in field.metadata


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one ``origin``, by name."""

    origin: str
    values: Mapping[str, Any]


Model = TypeVar("Model", bound=BaseModel)


def merge(kind: type[Model], layers: Sequence[Layer]) -> Model:
    """The ``kind`` that ``layers`` come to; earlier layers win.

    Raises:
        BadInput: a name is unknown or a value cannot be used; the message names setting and origin, no value.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        for name, value in layer.values.items():
            if name not in kind.model_fields:
                raise BadInput(_unknown(name, layer.origin, kind))
            values[name], origins[name] = _parsed(kind.model_fields[name], name, value, layer.origin), layer.origin
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise BadInput("; ".join(_complaint(item, origins) for item in error.errors())) from error


def _parsed(field: FieldInfo, name: str, value: Any, origin: str) -> Any:
    """Text for a setting that is a list or a mapping is JSON."""
    if not isinstance(value, str) or get_origin(field.annotation) not in (dict, tuple, list):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name.upper()} from {origin}: this is no JSON") from error


def _unknown(name: str, origin: str, kind: type[BaseModel]) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), kind.model_fields, n=1)
    return f"{origin}: there is no setting {name[:100]!r}" + (f"; did you mean {near[0]}?" if near else "")


def _complaint(item: Any, origins: Mapping[str, str]) -> str:
    place = [str(part) for part in item["loc"]]
    if not place:
        return str(item["msg"])
    return f"{'.'.join([place[0].upper(), *place[1:]])} from {origins.get(place[0], 'its default')}: {item['msg']}"
