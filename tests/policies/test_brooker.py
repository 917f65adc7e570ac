"""Brooker's comparison of retry policies: success and load against a callee that fails at random.

brooker.co.za/blog/2022/02/28/retries.html: 100 clients, 10 calls per s each. The numbers are those of his simulator,
run for 60 s: (success ratio, load ratio) by failure probability.
"""

from __future__ import annotations

from random import Random

import pytest

from stormlab.effects import PLAIN
from stormlab.outcome import SUCCESS
from stormlab.policies import NoBackoff, Policy, Retry, RetryBreaker, RetryBudget, Scope, compose
from tests.policies.bench import FAILED

RETRY = Retry(max_retries=3, backoff=NoBackoff())
POLICIES: dict[str, list[Policy]] = {
    "none": [],
    "3 retries": [RETRY],
    "adaptive 10 %": [RETRY, RetryBudget(deposit=0.1, capacity=5, paid_by="request")],
    "breaker 10 %": [RETRY, RetryBreaker(ratio=0.1, window=1e9)],
}
REFERENCE = {
    "none": {0.01: (0.990, 1.0), 0.05: (0.953, 1.0), 0.10: (0.901, 1.0), 0.50: (0.500, 1.0)},
    "3 retries": {0.01: (1.0, 1.010), 0.05: (1.0, 1.052), 0.10: (0.9999, 1.111), 0.50: (0.937, 1.876)},
    "adaptive 10 %": {0.01: (1.0, 1.011), 0.05: (0.9998, 1.053), 0.10: (0.985, 1.095), 0.50: (0.555, 1.107)},
    "breaker 10 %": {0.01: (0.9999, 1.010), 0.05: (0.9973, 1.051), 0.10: (0.936, 1.039), 0.50: (0.503, 1.0)},
}
CLIENTS, CALLS = 40, 600


def ratios(policies: list[Policy], failing: float) -> tuple[float, float]:
    """Successes and attempts per call, over clients with a state of their own each."""
    random, succeeded, attempts = Random(2022), 0, 0
    for _ in range(CLIENTS):
        strategy = compose(policies, Scope(random=random))
        for _ in range(CALLS):
            steps, answer = strategy(0.0, PLAIN), None
            try:
                while steps.send(answer):  # type: ignore[arg-type]
                    attempts += 1
                    answer = (0.0, FAILED if random.random() < failing else SUCCESS)
            except StopIteration as stop:
                succeeded += stop.value[1].ok
    return succeeded / (CLIENTS * CALLS), attempts / (CLIENTS * CALLS)


@pytest.mark.parametrize("failing", [0.01, 0.05, 0.10, 0.50])
@pytest.mark.parametrize("name", POLICIES)
def test_success_within_1_percent_and_load_within_2(name: str, failing: float) -> None:
    success, load = ratios(POLICIES[name], failing)
    assert success == pytest.approx(REFERENCE[name][failing][0], abs=0.01)
    assert load == pytest.approx(REFERENCE[name][failing][1], rel=0.02)
