"""What the closed forms refuse: arguments outside of the range in which a formula holds."""

from __future__ import annotations

import math

from stormlab.errors import BadInput


def require_positive(**arguments: float) -> None:
    """Raise :class:`BadInput` unless every argument is finite and above zero."""
    for name, value in arguments.items():
        if not (math.isfinite(value) and value > 0):
            raise BadInput(f"{name} is {value:g}; give a finite number above 0")


def require_not_negative(**arguments: float) -> None:
    """Raise :class:`BadInput` unless every argument is finite and at least zero."""
    for name, value in arguments.items():
        if not (math.isfinite(value) and value >= 0):
            raise BadInput(f"{name} is {value:g}; give a finite number of at least 0")


def require_probability(**arguments: float) -> None:
    """Raise :class:`BadInput` unless every argument lies in [0, 1]."""
    for name, value in arguments.items():
        if not 0 <= value <= 1:
            raise BadInput(f"{name} is {value:g}; give a probability between 0 and 1")


def require_count(*, least: int = 1, **arguments: int) -> None:
    """Raise :class:`BadInput` unless every argument is a whole number of at least ``least``."""
    for name, value in arguments.items():
        if int(value) != value or value < least:
            raise BadInput(f"{name} is {value}; give a whole number of at least {least}")


def require_stable(load: float, *, remedy: str) -> None:
    """Raise :class:`BadInput` unless ``load``, the quantity that must stay below 1, does."""
    if load >= 1:
        raise BadInput(f"no steady state: load {load:g} is not below 1; {remedy}")
