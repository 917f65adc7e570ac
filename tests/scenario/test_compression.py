"""On a faster clock everything is shorter by the same factor, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.policies import AdaptiveRate, BookJitter, Fixed, RetryBudget, RetryRatio
from stormlab.scenario import loader
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.changes import tree_of
from stormlab.scenario.compression import compressed
from stormlab.scenario.model import Scenario
from stormlab.sim.world import run
from tests.scenario.building import CLOSED, scenario

AT = {"at": 20, "for": 5, "target": "kv"}
EVERYTHING = scenario(
    run={"live_speed": 4},
    services={"kv": {"service_time": {"kind": "lognormal", "mean": 0.1, "cv": 2}}},
    clients={
        "web": {
            "policies": [
                {"kind": "deadline", "seconds": 8},
                {"kind": "retry", "backoff": {"kind": "book-jitter", "base": 1, "cap": 60}},
                {"kind": "retry-ratio", "ratio": 0.2, "window": 10, "min_per_second": 2},
                {"kind": "retry-budget", "deposit": 0.1, "capacity": 10},
                {"kind": "timeout", "seconds": 2},
            ],
            "shape": [[0, 1], [50, 2]],
            "latency": 0.02,
        },
        "users": {"target": "kv", "arrivals": CLOSED},
        "batch": {"target": "kv", "arrivals": {"kind": "trace", "times": [1, 2]}},
    },
    faults=[
        {**AT, "kind": "latency", "latency": 0.1, "jitter": 0.05},
        {**AT, "kind": "bandwidth", "rate": 100},
        {**AT, "kind": "slicer", "average_size": 100, "delay": 0.1},
        {**AT, "kind": "delay", "delay": 0.2, "probability": 0.5},
    ],
    interventions=[
        {"kind": "change", "target": "services.kv", "at": 50, "set": {"workers": 20}},
        {
            "kind": "change",
            "target": "clients.web.policies",
            "at": 60,
            "for": 6,
            "set": {"timeout.seconds": 4, "retry": {"kind": "retry", "backoff": {"kind": "fixed", "delay": 6}}},
        },
    ],
    expect=[
        {"measure": "latency_p99", "window": [30, 40], "max": 2},
        {"measure": "goodput", "min": 50},
        {"measure": "time_to_recover", "max": 30},
        {"measure": "goodput_ratio", "min": 0.5},
    ],
)


def numbers(node: Any, path: str = "") -> dict[str, float]:
    """Every number of a tree by its dotted path."""
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        return {key: number for part, below in items for key, number in numbers(below, f"{path}.{part}").items()}
    return {path[1:]: node} if isinstance(node, int | float) else {}


#: Which numbers of the scenario above become four times as large; of the others, those named below stay.
RATES = {
    "clients.web.arrivals.rate",
    "clients.web.policies.2.min_per_second",
    "faults.1.rate",
    "expect.1.min",
}
SAME = {
    "clients.web.priority",
    "clients.users.priority",
    "clients.batch.priority",
    "run.seed",
    "services.kv.workers",
    "services.kv.replicas",
    "services.kv.panic.threshold",
    "services.kv.queue.limit",
    "services.kv.service_time.cv",
    "clients.web.policies.1.max_retries",
    "clients.web.policies.2.ratio",
    "clients.web.policies.3.deposit",
    "clients.web.policies.3.capacity",
    "clients.web.shape.0.1",
    "clients.web.shape.1.1",
    "clients.users.arrivals.users",
    "faults.0.toxicity",
    "faults.1.toxicity",
    "faults.2.toxicity",
    "faults.2.average_size",
    "faults.2.size_variation",
    "faults.3.probability",
    "interventions.0.set.workers",
    "interventions.1.set.retry.max_retries",
    *(f"expect.{index}.share" for index in range(4)),
    "expect.3.min",
}


def test_every_number_is_divided_multiplied_or_left_alone_as_its_unit_says() -> None:
    before, after = numbers(tree_of(EVERYTHING)), numbers(tree_of(compressed(EVERYTHING, 4)))
    assert set(before) <= set(after)
    for path, number in before.items():
        factor = 4 if path in RATES else 1 if path in SAME else 0.25
        assert after[path] == pytest.approx(number * factor), path


def test_the_floor_of_the_books_jitter_is_a_time_too() -> None:
    backoff = getattr(compressed(EVERYTHING, 4).clients["web"].policies[1], "backoff", None)
    assert backoff == BookJitter(base=0.25, cap=15, floor=0.25)


def test_a_change_sets_values_on_the_faster_clock() -> None:
    change = compressed(EVERYTHING, 4).interventions[1]
    policies = compressed(EVERYTHING, 4).changed(change).clients["web"].policies  # type: ignore[arg-type]
    assert getattr(policies[1], "backoff", None) == Fixed(delay=1.5)
    assert getattr(policies[4], "seconds", None) == 1.0
    assert policies[2:4] == (
        RetryRatio(ratio=0.2, window=2.5, min_per_second=8),
        RetryBudget(deposit=0.1, capacity=10),
    )


def test_stretching_undoes_compressing_and_one_is_the_identity() -> None:
    assert compressed(EVERYTHING, 1) == Scenario.model_validate(tree_of(compressed(EVERYTHING, 1)))
    assert numbers(tree_of(compressed(compressed(EVERYTHING, 4), 0.25))) == pytest.approx(
        numbers(tree_of(compressed(EVERYTHING, 1)))
    )


@pytest.mark.parametrize("factor", [0, -1, float("inf"), float("nan")])
def test_only_a_finite_positive_factor_is_accepted(factor: float) -> None:
    with pytest.raises(BadInput, match="finite number greater than 0"):
        compressed(EVERYTHING, factor)


def test_arrivals_are_the_same_on_the_faster_clock() -> None:
    storm = loader.load("retry-storm")
    assert np.allclose(arrival_times(compressed(storm, 5), "web", 1) * 5, arrival_times(storm, "web", 1))


def test_a_growth_with_the_cube_of_time_is_multiplied_by_the_fourth_power() -> None:
    jobs = compressed(loader.load("provisioned-rate", variant="adaptive-rate"), 2).clients["jobs"]
    (rate,) = (policy for policy in jobs.policies if isinstance(policy, AdaptiveRate))
    assert (rate.scale, rate.period, rate.least, rate.beta) == (0.4 * 16, 0.25, 1.0, 0.7)


@pytest.mark.parametrize(("name", "variant"), [("retry-storm", ""), ("provisioned-rate", "adaptive-rate")])
def test_the_same_happens_in_the_simulated_world(name: str, variant: str) -> None:
    scenario = loader.load(name, variant=variant, overrides=["run.duration=60"])
    usual, fast = run(scenario, seed=3), run(compressed(scenario, 2), seed=3)
    total = {name: float(usual.series[name].sum()) for name in ("offered", "attempts", "succeeded")}
    assert {name: float(fast.series[name].sum()) for name in total} == pytest.approx(total, rel=0.03)
