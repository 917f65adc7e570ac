"""Health checks that take somebody's time, and the harm that wrong ones do, simulated."""

from __future__ import annotations

from typing import Any

import pytest

from stormlab import sim
from stormlab.policies.health_check import Checker, HealthCheck
from stormlab.scenario.measures import measure
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

HEALTH = {"interval": 2, "timeout": 1, "failures": 2, "successes": 2}
WRONG = {"kind": "misjudge", "target": "targets", "share": 0.2, "probability": 0.5, "at": 20, "for": 40}


def run(*, change: float = 0, health: dict[str, Any] | None = None, **over: Any) -> Result:
    """Twenty targets at half their capacity, each checked every two seconds by a service that is half busy with it."""
    raw: dict[str, Any] = {
        "title": "checkers",
        "run": {"duration": 120, "warmup": 5},
        "services": {
            "checks": {"workers": 1, "service_time": {"kind": "fixed", "mean": 0.05}},
            "targets": {
                "workers": 1,
                "service_time": {"kind": "fixed", "mean": 0.25},
                "replicas": 20,
                "health": HEALTH | (health or {}),
                "checkers": {"source": "checks", "change": change},
                "panic": {"threshold": 0, "action": "fail-closed"},
            },
        },
        "clients": {
            "users": {
                "target": "targets",
                "arrivals": {"kind": "poisson", "rate": 40},
                "policies": [{"kind": "timeout", "seconds": 2}],
            }
        },
    }
    return sim.run(Scenario.model_validate(raw | over), seed=1)


def succeeded(result: Result, first: float, last: float) -> float:
    return measure("success_ratio", result.series, result.scenario, (first, last))


def test_checks_are_requests_to_those_who_make_them() -> None:
    assert run().series["service.checks.arrivals"][5:].mean() == pytest.approx(10, abs=0.1)


def test_changes_that_cost_nothing_harm_nobody() -> None:
    assert succeeded(run(faults=[WRONG]), 20, 120) > 0.99


def test_changes_that_cost_much_take_out_replicas_that_are_well_also_afterwards() -> None:
    result = run(change=30, faults=[WRONG])
    assert succeeded(result, 30, 60) < 0.6
    assert succeeded(result, 70, 120) < 0.6


def test_a_bound_on_removals_bounds_the_harm() -> None:
    capped = {"max_removed": 0.05, "removal_window": 10}
    assert succeeded(run(change=30, health=capped, faults=[WRONG]), 20, 120) > 0.95


def test_not_believing_the_checks_ends_it_at_once() -> None:
    trust = {"kind": "change", "target": "services.targets.panic", "at": 80, "set": {"threshold": 1.0}}
    open_ = {"kind": "change", "target": "services.targets.panic", "at": 80, "set": {"action": "fail-open"}}
    result = run(change=30, faults=[WRONG], interventions=[trust, open_])
    assert succeeded(result, 70, 80) < 0.6
    assert succeeded(result, 82, 120) > 0.99


def test_at_most_a_share_becomes_unhealthy_within_the_window_but_one_always_may() -> None:
    checker = Checker(HealthCheck(failures=1, max_removed=0.5, removal_window=10.0), 4)
    for replica in range(4):
        checker.record(float(replica), replica, ok=False)
    assert checker.unhealthy == {0, 1}
    checker.record(10.5, 2, ok=False)
    assert checker.unhealthy == {0, 1, 2}
    alone = Checker(HealthCheck(failures=1, max_removed=0.0), 4)
    alone.record(0.0, 3, ok=False)
    assert alone.unhealthy == {3}


def test_checkers_check_health() -> None:
    services = {
        "targets": {"workers": 1, "service_time": {"kind": "fixed", "mean": 0.1}, "checkers": {"source": "targets"}}
    }
    with pytest.raises(ValueError, match="they check health; say how"):
        run(services=services)
