"""Calls on whose answer a request does not depend, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.scenario.measures import measure
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

FIXED = {"kind": "fixed", "mean": 0.01}
OUTAGE = {"kind": "stop", "target": "metrics", "at": 20, "for": 30}


def run(call: dict[str, Any], **metrics: Any) -> Result:
    """Ten requests a second, each with a call to ``metrics``, which is away for half a minute."""
    raw: dict[str, Any] = {
        "title": "detached",
        "run": {"duration": 100, "warmup": 5},
        "services": {
            "web": {"workers": 100, "service_time": FIXED, "calls": [{"target": "metrics"} | call]},
            "metrics": {"workers": 10, "service_time": FIXED} | metrics,
        },
        "clients": {
            "users": {
                "target": "web",
                "arrivals": {"kind": "paced", "rate": 10},
                "policies": [{"kind": "timeout", "seconds": 2}],
            }
        },
        "faults": [OUTAGE],
    }
    return sim.run(Scenario.model_validate(raw))


def failed(result: Result, first: float, last: float) -> float:
    return measure("error_ratio", result.series, result.scenario, (first, last))


def test_a_request_fails_with_its_call_unless_that_is_optional() -> None:
    assert failed(run({}), 20, 50) == 1
    assert failed(run({"optional": True}), 0, 100) == 0


def test_an_optional_call_is_waited_for() -> None:
    slow = run({"optional": True}, service_time={"kind": "fixed", "mean": 1.0})
    assert measure("latency_p50", slow.series, slow.scenario, "baseline") == pytest.approx(1.01)


def test_a_buffer_hides_an_outage_for_as_long_as_it_has_room() -> None:
    result = run({"buffer": {"capacity": 100}})
    assert failed(result, 0, 30) == 0
    assert failed(result, 34, 50) == 1
    assert failed(result, 56, 100) == 0


def test_a_buffer_that_drops_hides_it_altogether() -> None:
    result = run({"buffer": {"capacity": 100, "full": "drop"}})
    assert failed(result, 0, 100) == 0
    lost = result.series["offered"].sum() - result.series["service.metrics.completions"].sum()
    assert lost == pytest.approx(300 - 100, abs=15)


def test_what_a_blocking_buffer_has_taken_over_is_delivered() -> None:
    patient = [{"kind": "timeout", "seconds": 1}]
    result = run({"buffer": {"capacity": 1000, "senders": 5}, "policies": patient})
    assert result.series["service.metrics.completions"].sum() == result.series["offered"].sum()
