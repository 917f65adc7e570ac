"""Range checks of policy parameters, worded for whoever wrote the number."""

from __future__ import annotations

from stormlab.errors import InvalidValue


def positive(field: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise InvalidValue(field, f"must be a finite number greater than 0, not {value:g}")


def not_negative(field: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise InvalidValue(field, f"must be a finite number, 0 or more, not {value:g}")


def count(field: str, value: int, *, least: int = 0) -> None:
    if value != int(value) or value < least:
        raise InvalidValue(field, f"must be a whole number, {least} or more, not {value:g}")


def fraction(field: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidValue(field, f"must lie between 0 and 1, not {value:g}")


def at_least(field: str, value: float, least: float) -> None:
    if not least <= value < float("inf"):
        raise InvalidValue(field, f"must be {least:g} or more, not {value:g}")
