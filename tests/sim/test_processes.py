"""Replicas that crash, and what it takes to start them again, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.measures import measure, of_service
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

FIXED = {"kind": "fixed", "mean": 0.01}
STOP = {"kind": "stop", "target": "web", "at": 20, "for": 10}


def scenario(web: dict[str, Any] | None = None, **over: Any) -> Scenario:
    base: dict[str, Any] = {
        "title": "processes",
        "run": {"duration": 100, "warmup": 5},
        "services": {
            "web": {"workers": 5, "service_time": FIXED, "replicas": 4} | (web or {}),
            "table": {"workers": 1, "service_time": {"kind": "fixed", "mean": 1.0}},
        },
        "clients": {"users": {"target": "web", "arrivals": {"kind": "paced", "rate": 20}}},
    }
    return Scenario.model_validate(base | over)


def up(result: Result, first: float, last: float) -> float:
    return of_service("in_service", "web", result.series, result.scenario, (first, last))


def test_a_replica_that_is_started_serves_once_it_is_ready() -> None:
    result = sim.run(scenario({"startup": {"seconds": 7}}, faults=[STOP]))
    assert up(result, 21, 36) == 0
    assert up(result, 38, 100) == 1


def test_a_start_asks_another_service_which_works_them_off_one_by_one() -> None:
    result = sim.run(scenario({"startup": {"source": "table", "requests": 2}}, faults=[STOP]))
    assert result.series["service.table.arrivals"].sum() == 8
    assert up(result, 30, 34) == 0
    assert up(result, 38, 100) == 1


def test_starts_that_come_too_late_begin_again_and_never_all_get_through() -> None:
    """Two of eight are answered within 2.5 s. The others have asked again by the time it is their turn, in vain."""
    startup = {"source": "table", "timeout": 2.5, "backoff": {"kind": "none"}}
    herd = sim.run(scenario({"startup": startup, "replicas": 8}, faults=[STOP]))
    assert up(herd, 34, 100) == 0.25
    taking_turns = sim.run(scenario({"startup": startup | {"rate": 0.9}, "replicas": 8}, faults=[STOP]))
    assert up(taking_turns, 40, 100) == 1
    assert taking_turns.series["service.table.arrivals"].sum() == 8


def test_the_rate_of_starts_can_be_set_while_it_runs() -> None:
    slow = {"startup": {"seconds": 1, "rate": 0.01}}
    faster = {"kind": "change", "target": "services.web.startup", "at": 50, "set": {"rate": 2}}
    unhurried = sim.run(scenario(slow, faults=[STOP]))
    hurried = sim.run(scenario(slow, faults=[STOP], interventions=[faster]))
    assert up(unhurried, 60, 100) == 0.25
    assert up(hurried, 54, 100) == 1


def test_a_poisonous_request_ends_the_replica_and_everything_in_it() -> None:
    poison = {"kind": "poison", "target": "web", "at": 20, "for": 10, "probability": 1.0, "restart": 2.0}
    result = sim.run(scenario(faults=[poison]))
    assert up(result, 21, 30) < 0.5
    assert measure("error_ratio", result.series, result.scenario, (20, 30)) == 1
    assert measure("error_ratio", result.series, result.scenario, (33, 100)) == 0


def test_a_replica_with_too_much_in_it_crashes_and_is_started_again() -> None:
    web = {"replicas": 1, "workers": 1, "service_time": {"kind": "fixed", "mean": 0.5}}
    burst = {"kind": "burst", "target": "users", "at": 20, "requests": 11}
    clients = {"users": {"target": "web", "arrivals": {"kind": "paced", "rate": 0.5}}}
    sturdy, brittle = (
        sim.run(scenario(web | {"crash": {"load": load, "restart": 5}}, clients=clients, faults=[burst]))
        for load in (20, 10)
    )
    assert sturdy.series["goodput"].sum() == sturdy.series["offered"].sum()
    assert brittle.series["failed.error"].sum() >= 11
    assert up(brittle, 21, 24) == 0
    assert up(brittle, 26, 100) == 1


def test_a_rolling_restart_takes_one_replica_after_the_other_out_of_service() -> None:
    restart = {"kind": "restart", "target": "web", "at": 20.5, "rate": 0.2}
    result = sim.run(scenario({"startup": {"seconds": 3}}, interventions=[restart]))
    assert result.series["service.web.in_service"][20:40].tolist() == [0.75, 0.75, 0.75, 1.0, 1.0] * 4


def test_a_start_asks_a_service_that_exists() -> None:
    with pytest.raises(ValueError, match="there is no service 'tabel'; did you mean 'table'"):
        scenario({"startup": {"source": "tabel"}})


@pytest.mark.parametrize("key", ["startup", "crash"])
def test_the_live_world_says_that_it_cannot(key: str) -> None:
    table = {"startup": {"seconds": 1}, "crash": {"load": 5}}[key]
    with pytest.raises(BadInput, match=f"services.web.{key}: simulated only"):
        refuse_what_cannot_be_done(scenario({key: table}))
