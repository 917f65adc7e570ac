"""Other values for keys of a scenario: as a mapping in Python, as ``key=value`` texts everywhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias

from stormlab.errors import BadInput

Overrides: TypeAlias = Mapping[str, Any] | Sequence[str]


def texts(overrides: Overrides) -> list[str]:
    """``key=value`` with dotted keys and TOML values, as ``--set`` takes them.

    Raises:
        BadInput: a value is nothing that TOML can hold.
    """
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={toml(value)}" for key, value in overrides.items()]


def toml(value: Any) -> str:
    """``value`` on one line of TOML; plain values are written there as in JSON."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case Integral():
            return str(int(value))
        case Real():
            return str(float(value))
    raise BadInput(f"overrides: {value!r} is nothing that TOML can hold")
