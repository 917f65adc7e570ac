"""Each order of retry, budget and time-out: what it does when the callee fails after 0.4 s, and when it hangs."""

from __future__ import annotations

from itertools import permutations

import pytest

from stormlab.policies import Fixed, Policy, Retry, RetryBudget, Timeout, describe
from tests.policies.bench import FAILED, OK, TIMED_OUT, Bench

RETRY = Retry(max_retries=3, backoff=Fixed(delay=0.25))
TIMEOUT = Timeout(seconds=1.0)


def budget() -> RetryBudget:
    return RetryBudget(deposit=0.1, capacity=1)


ORDERS: dict[str, list[Policy]] = {
    "retry → retry-budget → timeout → call": [RETRY, budget(), TIMEOUT],
    "retry → timeout → retry-budget → call": [RETRY, TIMEOUT, budget()],
    "timeout → retry → retry-budget → call": [TIMEOUT, RETRY, budget()],
    "timeout → retry-budget → retry → call": [TIMEOUT, budget(), RETRY],
    "retry-budget → retry → timeout → call": [budget(), RETRY, TIMEOUT],
    "retry-budget → timeout → retry → call": [budget(), TIMEOUT, RETRY],
}


@pytest.mark.parametrize("chain", ORDERS)
def test_the_chain_says_the_order(chain: str) -> None:
    assert describe(ORDERS[chain]) == chain


@pytest.mark.parametrize(
    ("chain", "attempts", "ended"),
    [
        # One retry is all the budget has; the second is refused after its wait.
        ("retry → retry-budget → timeout → call", 2, 0.4 + 0.25 + 0.4 + 0.25),
        ("retry → timeout → retry-budget → call", 2, 0.4 + 0.25 + 0.4 + 0.25),
        # The limit of 1 s is for the request: the second wait would end after it.
        ("timeout → retry → retry-budget → call", 2, 1.0),
        ("timeout → retry-budget → retry → call", 2, 1.0),
        ("retry-budget → timeout → retry → call", 2, 1.0),
        # A budget outside of the retries sees first tries only: it guards nothing.
        ("retry-budget → retry → timeout → call", 4, 4 * 0.4 + 3 * 0.25),
    ],
)
def test_failures(chain: str, attempts: int, ended: float) -> None:
    bench = Bench(*ORDERS[chain])
    outcome = bench.call((0.4, FAILED))
    assert len(bench.requests) == attempts
    assert bench.now == pytest.approx(ended)
    assert outcome in (FAILED, TIMED_OUT)


@pytest.mark.parametrize(
    ("chain", "attempts", "ended"),
    [
        ("retry → retry-budget → timeout → call", 2, 1 + 0.25 + 1 + 0.25),
        ("retry → timeout → retry-budget → call", 2, 1 + 0.25 + 1 + 0.25),
        # Without a limit for the attempt, one that hangs takes all the time there is.
        ("timeout → retry → retry-budget → call", 1, 1.0),
        ("timeout → retry-budget → retry → call", 1, 1.0),
        ("retry-budget → timeout → retry → call", 1, 1.0),
        ("retry-budget → retry → timeout → call", 4, 4 * 1 + 3 * 0.25),
    ],
)
def test_hanging(chain: str, attempts: int, ended: float) -> None:
    bench = Bench(*ORDERS[chain])
    assert bench.call((60, OK)) == TIMED_OUT
    assert len(bench.requests) == attempts
    assert bench.now == pytest.approx(ended)


@pytest.mark.parametrize("chain", ORDERS)
def test_successes_pass_through_every_order(chain: str) -> None:
    bench = Bench(*ORDERS[chain])
    assert (bench.call((0.4, OK)), bench.now, len(bench.requests)) == (OK, 0.4, 1)


def test_every_order_is_there() -> None:
    orders = permutations(["retry", "retry-budget", "timeout"])
    assert set(ORDERS) == {" → ".join([*order, "call"]) for order in orders}
