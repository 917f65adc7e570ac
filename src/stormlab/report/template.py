"""The pages' templates: everything is escaped, and a name that is missing is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from stormlab.report.findings import WORLDS, mark, number, percent, spoken


def render(name: str, context: Mapping[str, Any]) -> str:
    """The page that template ``name`` of this package makes of ``context``."""
    return _environment().get_template(name).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("stormlab.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "spoken": spoken, "mark": mark}
    environment.globals |= {"WORLDS": WORLDS}
    return environment
