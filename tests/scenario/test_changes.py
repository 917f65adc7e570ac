"""A configuration change is applied to the scenario as a whole, and refused when it could not be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stormlab.policies import Retry, Timeout
from stormlab.scenario.disturbances import Change
from stormlab.scenario.model import Scenario
from tests.scenario.building import SPIKE, scenario, web

POLICIES = [{"kind": "retry", "max_retries": 3}, {"kind": "timeout", "seconds": 1}]


def changing(target: str, settings: dict[str, Any]) -> Scenario:
    change = {"kind": "change", "at": 40, "for": 20, "target": target, "set": settings}
    return scenario(clients=web(policies=POLICIES), faults=[SPIKE], interventions=[change])


def effective(described: Scenario) -> Scenario:
    change = described.interventions[0]
    assert isinstance(change, Change)
    return described.changed(change)


def test_workers_and_queue_limits_change() -> None:
    service = effective(changing("services.kv", {"workers": 20, "queue.limit": 7})).services["kv"]
    assert (service.workers, service.queue.limit) == (20, 7)


def test_one_parameter_of_one_policy_changes() -> None:
    assert effective(changing("clients.web.policies.retry", {"max_retries": 0})).clients["web"].policies == (
        Retry(max_retries=0),
        Timeout(seconds=1),
    )


def test_all_policies_of_a_client_change() -> None:
    policies = effective(changing("clients.web", {"policies": [{"kind": "timeout"}]})).clients["web"].policies
    assert policies == (Timeout(seconds=1.0),)


def test_values_that_only_fit_together_are_set_together() -> None:
    settings = {"backoff.base": 30, "backoff.cap": 60}
    retry = effective(changing("clients.web.policies.retry", settings)).clients["web"].policies[0]
    assert isinstance(retry, Retry)
    assert (getattr(retry.backoff, "base", None), getattr(retry.backoff, "cap", None)) == (30, 60)


def test_the_rest_of_the_scenario_stays_and_so_does_the_original() -> None:
    described = changing("services.kv", {"workers": 20})
    after = effective(described)
    assert after.faults == described.faults
    assert after.interventions == described.interventions
    assert after.clients == described.clients
    assert described.services["kv"].workers == 10


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        (
            "services.kv",
            {"replicas": 2},
            "interventions.0.set.replicas: services.kv.replicas cannot be changed during a run (what can: "
            "services.X.(workers, queue.limit, startup.rate, lease.rate, panic.threshold, panic.action), "
            "clients.X.policies and what is below it)",
        ),
        ("services.vk", {"workers": 2}, "interventions.0.set.workers: services.vk.workers: there is no 'vk' here"),
        ("services.kv", {"workers": 0}, "interventions.0.set: services.kv.workers: input should be greater than or"),
        ("clients.web.policies.retry", {"max_retrys": 0}, "interventions.0.set: clients.web.policies.0.max_retrys: "),
        ("clients.web", {"policies": [{"kind": "retry-budget"}]}, "interventions.0.set: clients.web.policies.0: 'ret"),
    ],
)
def test_a_change_that_could_not_be_made_is_refused_before_the_run(
    target: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        changing(target, settings)
    assert message in str(caught.value)
