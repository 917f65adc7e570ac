"""Replicas that keep threads for each other, and a fleet that grows and shrinks, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.measures import of_service
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

PEERS = {"base": 10, "limit": 14}


def more(replicas: int, **over: Any) -> dict[str, Any]:
    return {"kind": "capacity", "target": "web", "replicas": replicas, "at": 20} | over


def scenario(*, peers: dict[str, Any] | None = None, web: dict[str, Any] | None = None, **over: Any) -> Scenario:
    service: dict[str, Any] = {"workers": 2, "service_time": {"kind": "fixed", "mean": 0.1}, "replicas": 4}
    if peers is not None:
        service["peers"] = peers
    base: dict[str, Any] = {
        "title": "peers",
        "run": {"duration": 100, "warmup": 5},
        "services": {"web": service | (web or {})},
        "clients": {"users": {"target": "web", "arrivals": {"kind": "paced", "rate": 20}}},
    }
    return Scenario.model_validate(base | over)


def up(result: Result, first: float, last: float) -> float:
    return of_service("in_service", "web", result.series, result.scenario, (first, last))


def test_replicas_that_are_added_share_the_work_until_they_are_taken_away() -> None:
    result = sim.run(scenario(faults=[more(8, **{"for": 30})]))
    capacity = result.series["service.web.capacity"]
    assert (capacity[10], capacity[30], capacity[60]) == (80, 160, 80)
    assert result.series["failed.error"].sum() <= 4, "what was in those that end"


def test_replicas_that_are_added_start_as_any_does() -> None:
    result = sim.run(scenario(web={"startup": {"seconds": 15}}, faults=[more(8)]))
    assert up(result, 22, 34) == 0.5
    assert up(result, 37, 100) == 1


@pytest.mark.parametrize(("replicas", "fit"), [(5, 1.0), (6, 0.0)])
def test_the_limit_of_threads_is_a_step_that_all_replicas_take_together(replicas: int, fit: float) -> None:
    result = sim.run(scenario(peers=PEERS, faults=[more(replicas)]))
    assert up(result, 10, 19) == 1
    assert up(result, 22, 100) == fit


def test_it_takes_a_while_until_everybody_knows() -> None:
    result = sim.run(scenario(peers=PEERS | {"learn": 40}, web={"replicas": 5}, faults=[more(6)]))
    fit = result.series["service.web.in_service"]
    assert 0 < fit[30] < 1
    assert fit[62] == 0


def test_who_has_exceeded_the_limit_is_fit_again_only_after_a_restart() -> None:
    restart = {"kind": "restart", "target": "web", "at": 60, "rate": 1}
    gone = more(6, **{"for": 20})
    without = sim.run(scenario(peers=PEERS, faults=[gone]))
    restarted = sim.run(scenario(peers=PEERS, faults=[gone], interventions=[restart]))
    assert up(without, 42, 100) == 0
    assert up(restarted, 64, 100) == 1


def test_everybody_works_for_a_replica_that_joins() -> None:
    """Four times the work of a request of 0.1 s, at each of four replicas."""
    idle, busy = (sim.run(scenario(peers={"limit": 99, "greeting": cost}, faults=[more(5)])) for cost in (0, 4))
    load = [result.series["service.web.completions"][19:25].sum() for result in (idle, busy)]
    assert load[1] - load[0] == 4


def test_leases_and_a_number_of_replicas_that_changes_do_not_go_together() -> None:
    services = {
        "web": {
            "workers": 1,
            "service_time": {"kind": "fixed", "mean": 0.1},
            "lease": {"source": "granter", "every": 5, "retry": 1, "timeout": 1},
        },
        "granter": {"workers": 1, "service_time": {"kind": "fixed", "mean": 0.1}},
    }
    with pytest.raises(ValueError, match=r"faults.0.replicas: replicas that hold leases are always as many"):
        scenario(services=services, faults=[more(6)])


def test_the_live_world_has_a_fixed_number_of_replicas() -> None:
    with pytest.raises(BadInput, match="the number of replicas is fixed in a live run"):
        refuse_what_cannot_be_done(scenario(faults=[more(6)]))
