"""The same scenario in less time: every duration divided and every rate multiplied by one factor.

What happens is the same, second for second of scenario time; only the clock runs faster. The unit that each number
declares (:mod:`stormlab.units`) says what has to be done to it, so a new policy or fault cannot be forgotten.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel

from stormlab.errors import BadInput
from stormlab.scenario.changes import changed, tree_of
from stormlab.scenario.disturbances import AnyDisturbance, Change
from stormlab.scenario.model import Expectation, Scenario
from stormlab.scenario.paths import lookup
from stormlab.scenario.schema import item_type, keys, unit
from stormlab.scenario.vocabulary import MEASURE_UNITS
from stormlab.units import Unit


def compressed(scenario: Scenario, factor: float) -> Scenario:
    """``scenario`` on a clock that runs ``factor`` times as fast; below 1 it is stretched.

    ``run.live_speed`` is divided by ``factor``: what has been compressed is not compressed again.

    Raises:
        BadInput: the factor is not a finite number above 0.
    """
    if not 0 < factor < float("inf"):
        raise BadInput(f"time can be compressed by a finite number greater than 0, not {factor:g}")
    whole: Scenario = _scaled(scenario, Scenario, factor)
    return whole.model_copy(
        update={
            "faults": tuple(_disturbance(one, scenario, factor) for one in scenario.faults),
            "interventions": tuple(_disturbance(one, scenario, factor) for one in scenario.interventions),
            "expect": tuple(_expectation(one, factor) for one in scenario.expect),
        }
    )


def _scaled(value: Any, hint: Any, factor: float) -> Any:
    """``value`` of the declared type ``hint`` on the faster clock."""
    if isinstance(value, BaseModel):
        hints = keys(type(value))
        fields = type(value).model_fields.items()
        update = {name: _scaled(getattr(value, name), hints[field.alias or name], factor) for name, field in fields}
        return value.model_copy(update=update)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = keys(type(value))
        return dataclasses.replace(value, **{n: _scaled(getattr(value, n), hint, factor) for n, hint in hints.items()})
    if isinstance(value, tuple):
        return tuple(_scaled(item, item_type(hint, index), factor) for index, item in enumerate(value))
    if isinstance(value, dict):
        return {key: _scaled(item, item_type(hint, key), factor) for key, item in value.items()}
    measured = unit(hint)
    return _number(value, measured, factor) if measured and isinstance(value, int | float) else value


def _number(value: float, measured: Unit, factor: float) -> float:
    if measured.power == 0:
        return value
    scale: float = factor ** abs(measured.power)
    return value / scale if measured.power > 0 else value * scale


def _disturbance(disturbance: AnyDisturbance, scenario: Scenario, factor: float) -> AnyDisturbance:
    """The values that a change sets have the units of the keys they are set to."""
    faster: AnyDisturbance = _scaled(disturbance, type(disturbance), factor)
    if isinstance(disturbance, Change) and isinstance(faster, Change):
        tree = tree_of(_scaled(changed(scenario, disturbance), Scenario, factor))
        values = {key: lookup(tree, f"{disturbance.target}.{key}") for key in disturbance.set}
        return faster.model_copy(update={"set": values})
    return faster


def _expectation(expectation: Expectation, factor: float) -> Expectation:
    """Bounds have the unit of the measure they bound."""
    faster: Expectation = _scaled(expectation, Expectation, factor)
    if expectation.measure is None:
        return faster
    measured = MEASURE_UNITS[expectation.measure]
    bounds = {"min": expectation.min, "max": expectation.max}
    scaled = {name: None if bound is None else _number(bound, measured, factor) for name, bound in bounds.items()}
    return faster.model_copy(update=scaled)
