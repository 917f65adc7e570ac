"""Every number of the scenario language declares what it measures."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_origin

import pytest

from stormlab.scenario.measures import MEASURES
from stormlab.scenario.model import Scenario
from stormlab.scenario.schema import every_table, is_table, keys, kind_of, members, table_at, unit
from stormlab.scenario.vocabulary import MEASURE_UNITS, SERVICE_MEASURES, TIME_TO_RECOVER

TABLES = every_table(Scenario)


def undeclared(hint: Any) -> bool:
    """Whether ``hint`` can hold a float without saying what it measures."""
    if float in members(hint):
        return unit(hint) is None
    parts = [part for member in members(hint) if get_origin(member) in (tuple, dict) for part in get_args(member)]
    return any(undeclared(part) for part in parts if part is not Ellipsis)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_float_declares_its_unit(table: type) -> None:
    assert [key for key, hint in keys(table).items() if undeclared(hint)] == []


def test_a_float_without_a_unit_would_be_found() -> None:
    @dataclasses.dataclass
    class Careless:
        wait: float
        pairs: tuple[tuple[float, int], ...]
        label: str

    assert [key for key, hint in keys(Careless).items() if undeclared(hint)] == ["wait", "pairs"]


def test_the_walk_reaches_policies_backoffs_distributions_and_disturbances() -> None:
    kinds = {kind_of(table) for table in TABLES}
    assert {"retry", "full-jitter", "lognormal", "poisson", "load-spike", "change", "bandwidth", "down"} <= kinds
    assert len(TABLES) == len(set(TABLES))
    assert all(is_table(table) for table in TABLES)


def test_the_table_at_a_key_is_told_by_its_kind() -> None:
    tree = {"clients": {"web": {"policies": [{"kind": "retry", "backoff": {"kind": "fixed"}}, {"kind": "?"}]}}}

    def named(*key: str | int) -> str | None:
        table = table_at(Scenario, tree, key)
        return table.__name__ if table else None

    assert named() == "Scenario"
    assert named("clients", "web") == "Client"
    assert named("clients", "web", "policies", 0) == "Retry"
    assert named("clients", "web", "policies", 0, "backoff") == "Fixed"
    assert named("clients", "web", "policies", 1) is None
    assert named("clients", "nobody") is None


def test_what_can_be_expected_is_what_can_be_measured() -> None:
    assert set(MEASURE_UNITS) == {*MEASURES, *SERVICE_MEASURES, TIME_TO_RECOVER}
