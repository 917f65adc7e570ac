"""The kernel against the SimPy world: the same run where only arrivals are random, else the same distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from stormlab.errors import BadInput
from stormlab.scenario.loader import load
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.sim import fast, run

LIMIT = {"kind": "timeout", "seconds": 0.5}
FIXED = {"kind": "fixed", "delay": 0.3}


def scenario(
    *policies: dict[str, Any],
    arrivals: dict[str, Any] | None = None,
    service_time: dict[str, Any] | None = None,
    faults: tuple[dict[str, Any], ...] = (),
    **service: Any,
) -> Scenario:
    trigger = {"kind": "capacity", "target": "kv", "at": 8, "for": 3, "speed": 0.23}
    return Scenario.model_validate(
        {
            "title": "A small storm",
            "run": {"duration": 25, "warmup": 2},
            "services": {
                "kv": {
                    "workers": 4,
                    "service_time": service_time or {"kind": "fixed", "mean": 0.1},
                    "queue": {"limit": 60},
                    **service,
                }
            },
            "clients": {
                "web": {
                    "target": "kv",
                    "arrivals": arrivals or {"kind": "poisson", "rate": 30},
                    "policies": policies,
                }
            },
            "faults": faults or (trigger,),
        }
    )


def retry(backoff: dict[str, Any], retries: int = 3) -> dict[str, Any]:
    return {"kind": "retry", "max_retries": retries, "backoff": backoff}


GATES: dict[str, dict[str, Any]] = {
    "by success": {"kind": "retry-budget", "deposit": 0.2, "capacity": 5},
    "by request": {"kind": "retry-budget", "deposit": 0.2, "capacity": 5, "paid_by": "request"},
    "grpc": {"kind": "grpc-retry-throttle"},
    "envoy": {"kind": "envoy-retry-budget"},
    "consecutive": {"kind": "consecutive-breaker", "failures": 3, "open_seconds": 1.0, "probes": 2},
    "share": {"kind": "circuit-breaker", "window": 20, "minimum": 10, "open_seconds": 1.0, "probes": 4},
}

#: Chance decides nothing but the arrivals, which both worlds share.
EXACT: dict[str, Scenario] = {
    "no policies": scenario(),
    "no retries": scenario(LIMIT),
    "at once": scenario(retry({"kind": "none"}), LIMIT),
    "fixed": scenario(retry(FIXED), LIMIT),
    "exponential": scenario(retry({"kind": "exponential", "base": 0.2, "cap": 1.0}), LIMIT),
    "deadline": scenario({"kind": "deadline", "seconds": 1.2}, retry(FIXED), LIMIT),
    "deadline alone": scenario({"kind": "deadline", "seconds": 0.7}),
    **{name: scenario(retry(FIXED), gate, LIMIT) for name, gate in GATES.items()},
    "breaker, then budget": scenario(retry(FIXED), GATES["share"], GATES["envoy"], LIMIT),
    "budget, then breaker": scenario(retry(FIXED), GATES["envoy"], GATES["consecutive"], LIMIT),
    "deadline and breaker": scenario({"kind": "deadline", "seconds": 0.9}, retry(FIXED), GATES["share"]),
    "last in first out": scenario(retry(FIXED), LIMIT, queue={"limit": 60, "discipline": "lifo"}),
    "slowdown": scenario(LIMIT, slowdown={"kind": "power", "strength": 1.0, "exponent": 2.0}),
    "short queue": scenario(retry(FIXED), LIMIT, queue={"limit": 2}),
    "pause": scenario(retry(FIXED), LIMIT, faults=({"kind": "pause", "target": "kv", "at": 8.05, "for": 3},)),
    "errors": scenario(
        retry(FIXED), LIMIT, faults=({"kind": "error", "target": "kv", "at": 8, "for": 3, "probability": 1.0},)
    ),
    "workers": scenario(LIMIT, faults=({"kind": "capacity", "target": "kv", "at": 8, "for": 3, "workers": 1},)),
    "spike and block": scenario(
        retry(FIXED),
        LIMIT,
        faults=(
            {"kind": "load-spike", "target": "web", "at": 8, "for": 3, "factor": 3},
            {"kind": "block", "target": "web", "at": 14, "for": 3},
            {"kind": "burst", "target": "web", "at": 20, "requests": 1},
        ),
    ),
}

CLOSED = {"kind": "closed", "users": 60, "think_time": {"kind": "exponential", "mean": 1.5}}
EXPONENTIAL = {"kind": "exponential", "mean": 0.1}

#: Chance decides everything.
RANDOM: dict[str, Scenario] = {
    "full jitter": scenario(retry({"kind": "full-jitter", "base": 0.3}), LIMIT, service_time=EXPONENTIAL),
    "equal jitter": scenario(
        retry({"kind": "equal-jitter", "base": 0.3}), LIMIT, service_time={"kind": "lognormal", "mean": 0.1, "cv": 1.5}
    ),
    "decorrelated": scenario(
        retry({"kind": "decorrelated-jitter", "base": 0.2, "cap": 2.0}),
        GATES["by success"],
        LIMIT,
        service_time={"kind": "uniform", "low": 0.05, "high": 0.15},
    ),
    "book": scenario(retry({"kind": "book-jitter", "base": 0.2, "cap": 1.0, "floor": 0.1}), GATES["share"], LIMIT),
    "closed": scenario(retry({"kind": "full-jitter"}), LIMIT, arrivals=CLOSED, service_time=EXPONENTIAL),
    "closed, some blocked": scenario(
        retry({"kind": "full-jitter"}),
        LIMIT,
        arrivals=CLOSED,
        faults=(
            {"kind": "load-spike", "target": "web", "at": 8, "for": 4, "factor": 2},
            {"kind": "block", "target": "web", "at": 10, "for": 4, "share": 0.5},
            {"kind": "error", "target": "kv", "at": 9, "for": 4, "probability": 0.4, "status": 500},
        ),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_it_is_the_same_run_where_only_arrivals_are_random(name: str) -> None:
    slow, quick = run(EXACT[name], seed=3), fast.run(EXACT[name], seed=3)
    assert slow.series["attempts"].sum() > 600
    for column in slow.series.columns:
        np.testing.assert_allclose(quick.series[column], slow.series[column], rtol=1e-9, err_msg=column)
    assert quick.verdict == slow.verdict
    assert len(quick.calls) == len(slow.calls)
    assert {call.ending for call in quick.calls} == {call.ending for call in slow.calls}


def measures(result: Result) -> dict[str, float]:
    series = result.series
    return {
        "attempts": series["attempts"].sum(),
        "succeeded": series["succeeded"].sum(),
        "timeouts": series["failed.timeout"].sum(),
        "overloaded": series["failed.overloaded"].sum(),
        "in the fault": series["succeeded"][8:12].sum(),
        "wasted": series["service.kv.wasted"].sum(),
        "queue": series["service.kv.queue"].mean(),
        "p99": series.latency(2, 25, 0.99),
        "mean latency": float(np.concatenate(series.latencies).mean()),
    }


@pytest.mark.parametrize("name", RANDOM)
def test_its_results_are_distributed_alike_over_seeds(name: str) -> None:
    slow = [measures(run(RANDOM[name], seed=seed)) for seed in range(100)]
    quick = [measures(fast.run(RANDOM[name], seed=seed)) for seed in range(1000, 1300)]
    chances = {key: ks_2samp([one[key] for one in slow], [one[key] for one in quick]).pvalue for key in slow[0]}
    assert min(chances.values()) > 0.001, chances


def test_a_kernel_with_another_timeout_would_be_told_apart() -> None:
    name = "full jitter"
    other = RANDOM[name].model_validate(
        scenario(
            retry({"kind": "full-jitter", "base": 0.3}), {"kind": "timeout", "seconds": 0.6}, service_time=EXPONENTIAL
        )
    )
    slow = [measures(run(RANDOM[name], seed=seed)) for seed in range(100)]
    quick = [measures(fast.run(other, seed=seed)) for seed in range(1000, 1300)]
    assert min(ks_2samp([one[key] for one in slow], [one[key] for one in quick]).pvalue for key in slow[0]) < 0.001


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("metastable-retry", "'replicas' of services.server"),
        ("cache-flush", "one service and one client, not 2 and 1"),
        ("lb-sinkhole", "'replicas' of services.server"),
    ],
)
def test_what_it_does_not_know_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        fast.run(load(name))


def test_a_policy_or_an_order_that_it_does_not_know_is_refused() -> None:
    assert "'bulkhead'" in str(fast.misfit(scenario({"kind": "bulkhead"}, LIMIT)))
    assert "order" in str(fast.misfit(scenario(LIMIT, retry(FIXED))))
    assert fast.misfit(scenario(retry(FIXED), LIMIT)) is None
