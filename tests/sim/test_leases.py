"""Leases, operators who must get through, conflicting transactions, scattered calls and purges, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.measures import measure, of_service
from stormlab.scenario.model import Scenario

FIXED = {"kind": "fixed", "mean": 0.01}


def scenario(**over: Any) -> Scenario:
    base: dict[str, Any] = {
        "title": "leases",
        "run": {"duration": 100, "warmup": 5},
        "services": {
            "hosts": {
                "workers": 5,
                "service_time": FIXED,
                "replicas": 10,
                "lease": {"source": "granter", "every": 5, "retry": 1, "timeout": 1},
            },
            "granter": {"workers": 10, "service_time": FIXED},
        },
        "clients": {"web": {"target": "hosts", "arrivals": {"kind": "paced", "rate": 20}}},
    }
    return Scenario.model_validate(base | over)


def test_a_replica_that_cannot_renew_stops_serving_until_it_can() -> None:
    fault = {"kind": "isolate", "target": "hosts", "share": 0.4, "at": 20, "for": 20}
    result = sim.run(scenario(faults=[fault]), seed=1)
    assert of_service("in_service", "hosts", result.series, result.scenario, (30, 40)) == pytest.approx(0.6)
    assert measure("error_ratio", result.series, result.scenario, (30, 40)) == pytest.approx(0.4, abs=0.01)
    assert of_service("in_service", "hosts", result.series, result.scenario, (42, 100)) == 1.0


def test_a_lease_with_a_time_to_live_outlasts_a_short_absence_of_its_source() -> None:
    services = scenario().model_dump(mode="json", by_alias=True, exclude_none=True)["services"]
    services["hosts"]["lease"]["ttl"] = 30
    stop = {"kind": "stop", "target": "granter", "at": 20, "for": 10}
    assert (
        measure("error_ratio", (r := sim.run(scenario(services=services, faults=[stop]))).series, r.scenario, "fault")
        == 0
    )
    without = sim.run(scenario(faults=[stop]))
    assert measure("error_ratio", without.series, without.scenario, (27, 30)) > 0.9


def test_replicas_that_ask_again_at_once_do_not_hold_the_clock() -> None:
    services = scenario().model_dump(mode="json", by_alias=True, exclude_none=True)["services"]
    services["hosts"]["lease"]["retry"] = 0
    fit = sim.run(scenario(services=services, faults=[{"kind": "stop", "target": "granter", "at": 20, "for": 10}]))
    assert list(fit.series["service.hosts.in_service"][[19, 28, 31]]) == [1, 0, 1]


def test_a_lease_that_is_lost_costs_more_than_one_that_is_renewed() -> None:
    """Ten hosts that lost theirs cost the granter 10 × 100 × 0.01 s, and it has a single worker."""
    services = scenario().model_dump(mode="json", by_alias=True, exclude_none=True)["services"]
    services["granter"]["workers"] = 1
    services["hosts"]["lease"] |= {"timeout": 20, "work": 100}
    cut_off = {"kind": "isolate", "target": "hosts", "share": 1.0, "at": 20, "for": 30}
    result = sim.run(scenario(services=services, faults=[cut_off]))
    fit = result.series["service.hosts.in_service"]
    assert (fit[15], fit[45]) == (1, 0)
    assert (fit[54], fit[61]) == (pytest.approx(0.5, abs=0.11), 1)


def test_leases_that_were_lost_may_come_back_at_a_limited_rate() -> None:
    services = scenario().model_dump(mode="json", by_alias=True, exclude_none=True)["services"]
    services["hosts"]["lease"]["rate"] = 0.5
    cut_off = {"kind": "isolate", "target": "hosts", "share": 1.0, "at": 20, "for": 30}
    result = sim.run(scenario(services=services, faults=[cut_off]))
    fit = result.series["service.hosts.in_service"]
    assert fit[60] <= 0.7
    assert fit[75] == 1


def test_an_intervention_waits_until_its_operators_get_through() -> None:
    stop = {"kind": "stop", "target": "granter", "at": 20, "for": 30}
    more = {"kind": "capacity", "target": "granter", "at": 25, "workers": 50}
    through = {"service": "granter", "steps": 3, "pause": 1}
    held_up = sim.run(scenario(faults=[stop], interventions=[more | {"at": 25, "through": through, "for": 20}]))
    in_time = sim.run(scenario(faults=[stop], interventions=[more | {"through": through}]))
    assert held_up.series["service.granter.capacity"][60] == 1000
    assert in_time.series["service.granter.capacity"][60] == 5000


def test_of_transactions_that_arrive_together_one_succeeds() -> None:
    services = {"store": {"workers": 1, "service_time": {"kind": "fixed", "mean": 0.1}, "optimistic": True}}
    clients = {"web": {"target": "store", "arrivals": {"kind": "trace", "times": [6.0] * 8}}}
    result = sim.run(scenario(services=services, clients=clients, run={"duration": 20}))
    assert result.series["goodput"].sum() == 1
    assert result.series["failed.error"].sum() == 7


def test_a_scattered_call_asks_as_often_as_it_fans_out() -> None:
    services = {
        "web": {"workers": 100, "service_time": FIXED, "calls": [{"target": "shards", "fan_out": 4}]},
        "shards": {"workers": 10, "service_time": FIXED, "replicas": 4},
    }
    clients = {"web": {"target": "web", "arrivals": {"kind": "paced", "rate": 10}}}
    result = sim.run(scenario(services=services, clients=clients))
    assert result.series["service.shards.arrivals"].sum() == pytest.approx(4 * result.series["offered"].sum(), abs=4)
    assert result.series["goodput"].sum() == result.series["offered"].sum()


def test_a_purge_keeps_the_newest_and_answers_the_others() -> None:
    services = {"kv": {"workers": 1, "service_time": {"kind": "fixed", "mean": 1.0}}}
    clients = {"web": {"target": "kv", "arrivals": {"kind": "trace", "times": [5.0] * 10}}}
    purge = {"kind": "purge", "target": "kv", "at": 5.5, "keep": 3}
    result = sim.run(scenario(services=services, clients=clients, interventions=[purge], run={"duration": 30}))
    assert (result.series["goodput"].sum(), result.series["failed.error"].sum()) == (4, 6)


def test_a_block_can_move_from_one_share_to_another() -> None:
    ramp = {"kind": "block", "target": "web", "at": 20, "for": 40, "share": 1.0, "to": 0.0}
    result = sim.run(scenario(interventions=[ramp]))
    shares = [measure("success_ratio", result.series, result.scenario, window) for window in ((20, 30), (50, 60))]
    assert shares == [pytest.approx(0.125, abs=0.08), pytest.approx(0.875, abs=0.08)]


def test_the_live_world_grants_leases_at_one_price() -> None:
    services = scenario().model_dump(mode="json", by_alias=True, exclude_none=True)["services"]
    services["hosts"]["lease"]["work"] = 5
    with pytest.raises(BadInput, match="work and rate are simulated only"):
        refuse_what_cannot_be_done(scenario(services=services))
