"""The scenario as it is while a configuration change is active."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stormlab.errors import BadInput, InvalidValue
from stormlab.scenario.complaints import problems
from stormlab.scenario.disturbances import Change
from stormlab.scenario.paths import assign, resolve

if TYPE_CHECKING:
    from stormlab.scenario.model import Scenario

#: What can be changed while a world runs.
_OF_SERVICES = ("workers", "queue.limit", "startup.rate", "lease.rate", "panic.threshold", "panic.action")
_KEYS = "|".join(map(re.escape, _OF_SERVICES))
LIVE = re.compile(rf"services\.[^.]+\.({_KEYS})|clients\.[^.]+\.policies(\..+)?")
LIVE_IN_WORDS = f"services.X.({', '.join(_OF_SERVICES)}), clients.X.policies and what is below it"


def tree_of(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain tables and lists, as its file would hold them."""
    return scenario.model_dump(mode="json", by_alias=True, exclude_none=True)


def changed(scenario: Scenario, change: Change) -> Scenario:
    """``scenario`` with the keys of ``change`` set.

    Raises:
        InvalidValue: a key does not exist, cannot be changed during a run, or its value is not valid; the field is
            ``set`` or ``set.<key>``.
    """
    tree = tree_of(scenario) | {"faults": [], "interventions": [], "expect": []}
    for key, value in change.set.items():
        try:
            tree = _assigned(tree, f"{change.target}.{key}", value)
        except BadInput as error:
            raise InvalidValue(f"set.{key}", str(error)) from None
    try:
        valid = type(scenario).model_validate(tree)
    except ValidationError as error:
        raise InvalidValue("set", str(problems(error, tree, type(scenario))[0])) from None
    return valid.model_copy(update={name: getattr(scenario, name) for name in ("faults", "interventions", "expect")})


def _assigned(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    key = ".".join(str(part) for part in resolve(tree, path))
    if not LIVE.fullmatch(key):
        raise BadInput(f"{path} cannot be changed during a run (what can: {LIVE_IN_WORDS})")
    whole: dict[str, Any] = assign(tree, path, value)
    return whole
