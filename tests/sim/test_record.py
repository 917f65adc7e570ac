"""A record kept by several writers, and the race that empties it, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.measures import measure
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

FIXED = {"kind": "fixed", "mean": 0.01}
RECORD = {"every": 1, "takes": {"kind": "fixed", "mean": 0.1}, "cleaning": 10, "keep": 5}


def scenario(record: dict[str, Any] | None = None, **over: Any) -> Scenario:
    base: dict[str, Any] = {
        "title": "record",
        "run": {"duration": 100, "warmup": 1},
        "services": {"table": {"workers": 10, "service_time": FIXED, "record": RECORD | (record or {})}},
        "clients": {"web": {"target": "table", "arrivals": {"kind": "paced", "rate": 5}}},
    }
    return Scenario.model_validate(base | over)


def stall(seconds: float) -> dict[str, Any]:
    return {"kind": "stall", "target": "table", "at": 10, "for": seconds}


def failed(result: Result, first: float, last: float) -> float:
    return measure("error_ratio", result.series, result.scenario, (first, last))


def emptied(record: dict[str, Any] | None = None, *, seconds: float) -> int:
    """In how many of twelve runs the record is empty at the end."""
    runs = [sim.run(scenario(record, faults=[stall(seconds)]), seed=seed) for seed in range(12)]
    return sum(failed(run, 90, 100) == 1 for run in runs)


def test_writers_that_are_never_held_up_keep_the_record() -> None:
    assert failed(sim.run(scenario()), 0, 100) == 0


def test_an_old_plan_that_comes_late_is_deleted_in_force() -> None:
    assert emptied(seconds=20) >= 9
    assert emptied(seconds=3) == 0, "held up for less than plans are kept"


def test_comparing_and_writing_in_one_step_leaves_no_gap() -> None:
    assert emptied({"atomic": True}, seconds=20) == 0


def test_nothing_but_a_repair_fills_an_empty_record() -> None:
    repair = {"kind": "repair", "target": "table", "at": 60}
    result = sim.run(scenario({"ttl": 10}, faults=[stall(20)], interventions=[repair]), seed=1)
    assert failed(result, 55, 60) == 1
    assert 0.2 < failed(result, 60, 70) < 0.8, "callers learn of it within the time to live"
    assert failed(result, 70, 100) == 0


def test_what_has_no_record_can_be_neither_stalled_nor_repaired() -> None:
    services = {"table": {"workers": 10, "service_time": FIXED}}
    with pytest.raises(ValueError, match="'table' has no record"):
        scenario(services=services, faults=[stall(5)])


def test_the_live_world_knows_no_records() -> None:
    with pytest.raises(BadInput, match=r"services\.table\.record: simulated only"):
        refuse_what_cannot_be_done(scenario())
