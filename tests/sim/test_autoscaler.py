"""Replicas that come and go by what an autoscaler sees, and what it does not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from stormlab import sim
from stormlab.errors import BadInput
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.scenario.measures import measure, of_service
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

STEP: list[list[float]] = [[0, 1], [30, 1], [30, 4]]


def scenario(
    web: dict[str, Any] | None = None, *, shape: Sequence[Sequence[float]] | None = None, **over: Any
) -> Scenario:
    """10/s of 0.2 s at four replicas of one worker each, half busy."""
    base: dict[str, Any] = {
        "title": "a fleet that grows",
        "run": {"duration": 150, "warmup": 5},
        "services": {
            "web": {
                "workers": 1,
                "replicas": 4,
                "balancing": "least-loaded",
                "service_time": {"kind": "fixed", "mean": 0.2},
                "autoscale": {"target": 0.6, "most": 40, "least": 2},
                **(web or {}),
            },
            "backend": {"workers": 1000, "service_time": {"kind": "fixed", "mean": 0.1}},
        },
        "clients": {
            "users": {"target": "web", "arrivals": {"kind": "poisson", "rate": 10}, "shape": list(shape or [])}
        },
    }
    return Scenario.model_validate(base | over)


def seen(result: Result, name: str, first: float, last: float) -> float:
    return of_service(name, "web", result.series, result.scenario, (first, last))


def test_the_number_of_replicas_follows_the_work() -> None:
    result = sim.run(scenario(shape=[*STEP, [90, 4], [90, 1]]))
    assert seen(result, "replicas", 5, 30) == pytest.approx(10 * 0.2 / 0.6, abs=1)
    assert 40 * 0.2 / 0.6 < seen(result, "replicas", 60, 90) < 20
    assert seen(result, "utilisation", 60, 90) == pytest.approx(0.5, abs=0.15)
    assert seen(result, "replicas", 120, 150) == pytest.approx(10 * 0.2 / 0.6, abs=1)


def test_more_come_as_late_as_they_take_to_start() -> None:
    at_once, late = (sim.run(scenario({"startup": {"seconds": seconds}}, shape=STEP)) for seconds in (0, 30))
    assert at_once.series["service.web.replicas"][45] == late.series["service.web.replicas"][45]
    assert seen(at_once, "in_service", 41, 60) == 1
    assert seen(at_once, "capacity", 60, 80) > 60
    assert seen(late, "capacity", 41, 69) == 15
    assert 35 < seen(late, "capacity", 110, 150) < 50


def test_those_who_leave_finish_what_they_work_on() -> None:
    result = sim.run(scenario(shape=[[0, 4], [50, 4], [50, 0.5]]))
    assert result.series["service.web.replicas"][149] == 2
    assert measure("success_ratio", result.series, result.scenario, (0, 150)) == 1


@pytest.mark.parametrize(("signal", "least", "most"), [("processor", 0.1, 0.9), ("workers", 2.0, 20.0)])
def test_processors_idle_while_their_threads_wait(signal: str, least: float, most: float) -> None:
    web = {
        "workers": 4,
        "service_time": {"kind": "fixed", "mean": 0.05},
        "calls": [{"target": "backend"}],
        "autoscale": {"signal": signal, "target": 0.3, "most": 30},
        "queue": {"limit": 10},
    }
    slow = {"kind": "delay", "target": "backend", "at": 30, "for": 120, "delay": 3}
    load = {"users": {"target": "web", "arrivals": {"kind": "poisson", "rate": 40}}}
    result = sim.run(scenario(web, clients=load, faults=[slow]))
    before, after = seen(result, "replicas", 20, 30), seen(result, "replicas", 110, 150)
    assert least < after / before < most


def test_too_many_at_once_all_come_up_broken_and_count() -> None:
    hasty = sim.run(scenario({"startup": {"seconds": 5, "limit": 2}, "autoscale": _fixed(12)}))
    patient = sim.run(scenario({"startup": {"seconds": 5, "limit": 2, "rate": 0.3}, "autoscale": _fixed(12)}))
    assert seen(hasty, "replicas", 60, 150) == seen(patient, "replicas", 60, 150) == 12
    assert seen(hasty, "in_service", 60, 150) == pytest.approx(4 / 12)
    assert seen(patient, "in_service", 60, 150) == 1


def test_health_checks_see_that_a_replica_is_broken() -> None:
    broken = {"startup": {"seconds": 5, "limit": 2}, "autoscale": _fixed(12)}
    unchecked = sim.run(scenario(broken))
    checked = sim.run(scenario(broken | {"health": {"interval": 2}, "panic": {"threshold": 0.2}}))
    ratios = [measure("success_ratio", one.series, one.scenario, (60, 150)) for one in (unchecked, checked)]
    assert ratios[0] < 0.7
    assert ratios[1] == 1


def _fixed(number: int) -> dict[str, Any]:
    return {"target": 0.5, "least": number, "most": number}


def test_without_an_autoscaler_nothing_is_written_about_numbers() -> None:
    plain = scenario()
    plain = plain.model_copy(
        update={"services": plain.services | {"web": plain.services["web"].model_copy(update={"autoscale": None})}}
    )
    series = sim.run(plain).series
    assert "service.web.replicas" not in series
    assert np.isnan(of_service("replicas", "web", series, plain, (5, 30)))


def test_least_is_not_above_most() -> None:
    with pytest.raises(ValueError, match="must not be above most"):
        scenario({"autoscale": {"target": 0.5, "least": 3, "most": 2}})


def test_a_live_run_says_that_it_cannot() -> None:
    with pytest.raises(BadInput, match=r"services\.web\.autoscale: simulated only"):
        refuse_what_cannot_be_done(scenario())
