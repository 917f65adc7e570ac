"""Retry budgets of well-known libraries: golden constants, and what each lets through when everything fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN, Request
from stormlab.errors import InvalidValue
from stormlab.events import RetrySuppressed
from stormlab.outcome import Ending, Outcome, overloaded
from stormlab.policies import (
    BotocoreBudget,
    EnvoyBudget,
    FinagleBudget,
    GrpcBudget,
    NoBackoff,
    Policy,
    Retry,
    RetryBreaker,
)
from stormlab.policies.budget_presets import BOTOCORE_COSTS, Concurrency, LeakyBudget, Quota, Throttling
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

RETRY = Retry(max_retries=3, backoff=NoBackoff())
FULL = overloaded("queue-full")


def again(after: Ending = Ending.ERROR) -> Request:
    return PLAIN.again(2, after)


class TestFinagle:
    """github.com/twitter/finagle, finagle-core/…/service/RetryBudget.scala and util-core/…/TokenBucket.scala."""

    def test_defaults(self) -> None:
        assert FinagleBudget() == FinagleBudget(ttl=10.0, min_per_second=10.0, ratio=0.2)

    def test_deposit_1000_withdraw_5000_reserve_500000(self) -> None:
        budget = LeakyBudget(FinagleBudget())
        assert (budget._deposit, budget._cost, budget._reserve) == (1000, 5000, 500_000)

    def test_the_reserve_is_100_retries_in_ten_seconds(self) -> None:
        budget = LeakyBudget(FinagleBudget())
        assert budget.balance(0.0) == 100
        assert [budget.admit(0.0, again()) is not None for _ in range(101)] == [True] * 100 + [False]

    def test_five_requests_pay_for_one_retry(self) -> None:
        budget = LeakyBudget(FinagleBudget(min_per_second=0))
        for requests, balance in [(4, 0), (1, 1), (5, 2)]:
            for _ in range(requests):
                budget.admit(0.0, PLAIN)
            assert budget.balance(0.0) == balance

    def test_deposits_and_withdrawals_expire(self) -> None:
        budget = LeakyBudget(FinagleBudget(min_per_second=1))
        for _ in range(10):
            budget.admit(0.0, again())
        assert budget.balance(9.0) == 0
        assert budget.balance(10.5) == 10

    def test_without_ratio_there_is_the_reserve_only(self) -> None:
        budget = LeakyBudget(FinagleBudget(ratio=0, min_per_second=0.5))
        for _ in range(100):
            budget.admit(0.0, PLAIN)
        assert budget.balance(0.0) == 5

    def test_against_a_callee_that_is_down_retries_go_on_at_the_ratio(self) -> None:
        assert sum(Bench(RETRY, FinagleBudget(min_per_second=0)).calls(100, FAILED)) == 120


class TestGrpc:
    """github.com/grpc/proposal, A6-client-retries: tokens from maxTokens, - 1 per failure, + tokenRatio per success."""

    def test_defaults(self) -> None:
        assert GrpcBudget() == GrpcBudget(max_tokens=10.0, token_ratio=0.1)

    def test_retries_pass_above_half_of_the_tokens(self) -> None:
        throttling = Throttling(10, 0.1)
        passes = []
        for _ in range(6):
            passes.append(throttling.admit(0, again()) is not None)
            throttling.settle(0, PLAIN, FAILED)
        assert passes == [True] * 5 + [False]
        assert throttling.tokens == 4

    def test_ten_successes_make_up_for_one_failure(self) -> None:
        throttling = Throttling(10, 0.1)
        for _ in range(5):
            throttling.settle(0, PLAIN, FAILED)
        throttling.settle(0, PLAIN, OK)
        assert throttling.admit(0, again()) is not None
        throttling.settle(0, PLAIN, FAILED)
        for _ in range(9):
            throttling.settle(0, PLAIN, OK)
        assert throttling.tokens == pytest.approx(5.0)

    def test_lasting_failures_cost_nothing(self) -> None:
        throttling = Throttling(10, 0.1)
        throttling.settle(0, PLAIN, INVALID)
        assert throttling.tokens == 10

    def test_first_tries_always_pass(self) -> None:
        bench = Bench(RETRY, GrpcBudget())
        assert bench.calls(50, FAILED) == [4, *[1] * 49]

    @given(endings=st.lists(st.sampled_from([OK, FAILED, INVALID]), max_size=100))
    def test_tokens_stay_in_their_bounds(self, endings: list[Outcome]) -> None:
        throttling = Throttling(10, 0.1)
        for outcome in endings:
            throttling.settle(0, PLAIN, outcome)
            assert 0 <= throttling.tokens <= 10


class TestBotocore:
    """github.com/boto/botocore, botocore/retries/standard.py, RetryQuotaChecker: both versions of its constants."""

    def test_defaults(self) -> None:
        assert BotocoreBudget() == BotocoreBudget(capacity=500.0, version="standard")

    def test_costs(self) -> None:
        assert BOTOCORE_COSTS["standard"] == {Ending.ERROR: 5, Ending.OVERLOADED: 5, Ending.TIMEOUT: 10}
        assert BOTOCORE_COSTS["2026"] == {Ending.ERROR: 14, Ending.OVERLOADED: 5, Ending.TIMEOUT: 14}

    @pytest.mark.parametrize(
        ("version", "outcome", "retries"),
        [
            ("standard", FAILED, 100),
            ("standard", FULL, 100),
            ("standard", TIMED_OUT, 50),
            ("2026", FAILED, 35),
            ("2026", FULL, 100),
            ("2026", TIMED_OUT, 35),
        ],
    )
    def test_a_full_quota_pays_for_so_many_retries(self, version: str, outcome: Outcome, retries: int) -> None:
        bench = Bench(RETRY, BotocoreBudget(version=version))  # type: ignore[arg-type]
        assert sum(bench.calls(200, outcome)) == 200 + retries

    def test_a_retried_success_gives_its_cost_back(self) -> None:
        bench = Bench(RETRY, BotocoreBudget(capacity=10))
        assert bench.calls(20, TIMED_OUT, OK) == [2] * 20

    def test_the_last_cost_is_given_back_and_those_before_are_not(self) -> None:
        quota = Quota(500, BOTOCORE_COSTS["standard"])
        for request in (again(Ending.TIMEOUT), again(Ending.ERROR)):
            assert quota.admit(0, request) is not None
        quota.settle(0, again(Ending.ERROR), OK)
        assert quota.bucket.tokens == 490

    def test_any_other_success_gives_one(self) -> None:
        bench = Bench(RETRY, BotocoreBudget(capacity=5))
        assert bench.calls(2, FAILED) == [2, 1]
        bench.calls(4, OK)
        assert bench.calls(1, FAILED) == [1]
        bench.calls(5, OK)
        assert bench.calls(1, FAILED) == [2]


class TestEnvoy:
    """envoyproxy.io, config.cluster.v3.CircuitBreakers: 20 % of the active requests, 3 at least."""

    def test_defaults(self) -> None:
        assert EnvoyBudget() == EnvoyBudget(ratio=0.2, min_concurrent=3)

    @pytest.mark.parametrize(("active", "retries"), [(0, 3), (10, 3), (15, 3), (20, 4), (100, 24)])
    def test_so_many_retries_beside_so_many_first_tries(self, active: int, retries: int) -> None:
        concurrency = Concurrency(0.2, 3)
        for _ in range(active):
            concurrency.admit(0, PLAIN)
        passed = 0
        while concurrency.admit(0, again()) is not None:
            passed += 1
        assert passed == retries

    def test_the_place_comes_back(self) -> None:
        assert Bench(RETRY, EnvoyBudget(ratio=0, min_concurrent=1)).calls(3, FAILED) == [4, 4, 4]

    @given(moves=st.lists(st.tuples(st.sampled_from(["first", "again", "settle", "ignore"])), max_size=200))
    def test_counts_are_those_of_what_is_held(self, moves: list[tuple[str]]) -> None:
        concurrency, held = Concurrency(0.2, 3), list[Request]()
        for (move,) in moves:
            if move in ("first", "again"):
                permit = concurrency.admit(0, PLAIN if move == "first" else again())
                held += [permit] if permit is not None else []
            elif held:
                permit = held.pop()
                concurrency.settle(0, permit, OK) if move == "settle" else concurrency.ignore(permit)
            assert concurrency.in_flight == len(held)
            assert concurrency.retrying == sum(permit.attempt > 1 for permit in held)


class TestRetryBreaker:
    """brooker.co.za/blog/2022/02/28/retries.html: no retries above a failure ratio of 10 %."""

    def test_a_callee_that_fails_is_not_retried(self) -> None:
        bench = Bench(RETRY, RetryBreaker(ratio=0.1))
        assert bench.calls(20, FAILED) == [1] * 20
        assert {event.reason for event in bench.listener.of(RetrySuppressed)} == {"retry-breaker"}

    def test_rare_failures_are(self) -> None:
        bench = Bench(RETRY, RetryBreaker(ratio=0.1))
        bench.calls(30, OK)
        assert bench.calls(3, FAILED, OK) == [2, 2, 2]

    def test_it_forgets(self) -> None:
        bench = Bench(RETRY, RetryBreaker(ratio=0.1, window=10, minimum=2))
        bench.calls(10, FAILED)
        bench.wait(11)
        assert bench.calls(1, FAILED, OK) == [2]


@pytest.mark.parametrize("budget", [GrpcBudget(), BotocoreBudget(), FinagleBudget(), EnvoyBudget(), RetryBreaker()])
def test_successes_cost_nothing_and_first_tries_always_pass(budget: Policy) -> None:
    bench = Bench(RETRY, budget)
    assert bench.calls(20, OK) == [1] * 20
    assert all(attempts >= 1 for attempts in bench.calls(300, FAILED))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: FinagleBudget(ttl=0), "ttl: must be a finite number greater than 0"),
        (lambda: GrpcBudget(max_tokens=0), "max_tokens: must be a finite number greater than 0"),
        (lambda: BotocoreBudget(capacity=0), "capacity: must be a finite number greater than 0"),
        (lambda: EnvoyBudget(ratio=2), "ratio: must lie between 0 and 1"),
        (lambda: EnvoyBudget(min_concurrent=-1), "min_concurrent: must be a whole number, 0 or more"),
        (lambda: RetryBreaker(minimum=0), "minimum: must be 1 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
