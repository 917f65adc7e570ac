"""Retries and hedges of gRPC and botocore: golden constants, waits next to botocore's own, what callees may ask for."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest
from botocore.retries import standard

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.events import HedgeStarted, RetryScheduled, RetrySuppressed
from stormlab.outcome import Ending, Outcome, overloaded, success
from stormlab.policies import BotocoreBudget, BotocoreRetry, GrpcBudget, GrpcHedge, GrpcRetry, Policy, Retry
from stormlab.policies.budget_presets import BOTOCORE_COSTS
from stormlab.policies.retry_presets import BOTOCORE_PATIENCE, GRPC_ATTEMPTS
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

FULL = overloaded("queue-full")


def asked(seconds: float) -> Outcome:
    return overloaded("queue-full", retry_after=seconds)


def waits(*policies: Policy, script: tuple[Outcome, ...] = (FAILED,), seed: int = 1) -> list[float]:
    bench = Bench(*policies, seed=seed)
    bench.call(*script)
    return [event.delay for event in bench.listener.of(RetryScheduled)]


class TestGrpcRetry:
    """github.com/grpc/proposal, A6-client-retries."""

    def test_the_cap_of_five_attempts(self) -> None:
        assert GRPC_ATTEMPTS == 5
        assert Bench(GrpcRetry(max_attempts=10)).calls(1, FAILED) == [5]
        assert Bench(GrpcRetry(max_attempts=3)).calls(1, FAILED) == [3]

    def test_the_nth_wait_is_drawn_below_min_of_initial_times_multiplier_to_the_n_minus_1_and_cap(self) -> None:
        policy = GrpcRetry(max_attempts=5, initial=0.2, cap=1.0, multiplier=2.0)
        drawn = [waits(policy, seed=seed) for seed in range(300)]
        for column, ceiling in zip(zip(*drawn, strict=True), (0.2, 0.4, 0.8, 1.0), strict=True):
            assert 0.9 * ceiling < max(column) < ceiling
            assert sum(column) / len(column) == pytest.approx(ceiling / 2, rel=0.15)

    def test_a_pushback_takes_the_place_of_the_wait_and_the_next_starts_from_the_beginning(self) -> None:
        policy = GrpcRetry(max_attempts=5, initial=0.1, cap=10.0, multiplier=10.0)
        for seed in range(50):
            first, second, third, fourth = waits(policy, script=(FAILED, FAILED, asked(0.05), FAILED), seed=seed)
            assert (third, second <= 1.0, first <= 0.1, fourth <= 0.1) == (0.05, True, True, True)

    def test_a_negative_pushback_forbids_the_retry(self) -> None:
        bench = Bench(GrpcRetry())
        assert bench.calls(1, asked(-1)) == [1]
        assert [event.reason for event in bench.listener.of(RetrySuppressed)] == ["pushback"]

    def test_it_is_throttled_at_half_of_the_tokens(self) -> None:
        bench = Bench(GrpcRetry(max_attempts=5), GrpcBudget())
        assert bench.calls(3, FAILED) == [5, 1, 1]


class TestGrpcHedge:
    """github.com/grpc/proposal, A6-client-retries: maxAttempts, hedgingDelay, fatal answers, pushback, throttling."""

    def test_copies_go_out_every_delay_and_at_most_five(self) -> None:
        bench = Bench(GrpcHedge(max_attempts=9, delay=0.5))
        bench.call((30, OK))
        assert [event.now for event in bench.listener.of(HedgeStarted)] == [0.5, 1.0, 1.5, 2.0]

    def test_a_passing_failure_sends_the_next_at_once(self) -> None:
        bench = Bench(GrpcHedge(max_attempts=3, delay=0.5))
        assert bench.call((0.1, FAILED), (0.1, OK)) == OK
        assert bench.now == pytest.approx(0.2)

    def test_a_fatal_answer_of_any_copy_cancels_all(self) -> None:
        bench = Bench(GrpcHedge(max_attempts=3, delay=0.5))
        assert (bench.call((30, OK), (0.25, INVALID), (30, OK)), bench.now) == (INVALID, 0.75)
        bench.wait(60)
        assert len(bench.requests) == 2

    def test_the_first_success_cancels_all(self) -> None:
        bench, third = Bench(GrpcHedge(max_attempts=5, delay=0.5)), success("third")
        assert (bench.call((30, OK), (30, OK), (0.25, third)), bench.now) == (third, 1.25)
        assert len(bench.requests) == 3

    def test_a_pushback_delays_the_next_copy_and_a_negative_one_forbids_it(self) -> None:
        bench = Bench(GrpcHedge(max_attempts=2, delay=5.0))
        assert bench.call((0.1, asked(2.0)), (0.1, OK)) == OK
        assert bench.now == pytest.approx(2.2)
        refused = Bench(GrpcHedge(max_attempts=2, delay=5.0))
        assert refused.call((0.1, asked(-1))).ending is Ending.OVERLOADED
        assert len(refused.requests) == 1

    def test_it_is_throttled_at_half_of_the_tokens(self) -> None:
        bench = Bench(GrpcHedge(max_attempts=5), GrpcBudget())
        assert sum(bench.calls(10, FAILED)) == 5 + 9


def context(attempt: int, *, full: bool, retry_after: float | None = None) -> SimpleNamespace:
    headers = {} if retry_after is None else {"x-amz-retry-after": str(int(retry_after * 1000))}
    return SimpleNamespace(attempt_number=attempt, full=full, http_response=SimpleNamespace(headers=headers))


def theirs(script: tuple[Outcome, ...], seed: int, service: str | None = None) -> list[float]:
    """The waits of botocore's own class, in its version of 2026."""
    detector = SimpleNamespace(is_throttling_error_from_context=lambda context: context.full)
    backoff = standard.ExponentialBackoff(
        random=Random(seed).random, service_name=service, throttling_detector=detector
    )
    return [
        backoff.delay_amount(context(n, full=one.ending is Ending.OVERLOADED, retry_after=one.retry_after))
        for n, one in enumerate(script, start=1)
    ]


class TestBotocoreRetry:
    """github.com/boto/botocore, botocore/retries/standard.py, 1.34.0 (standard) and 1.44.5 (2026)."""

    @pytest.mark.parametrize(
        "script",
        [(FAILED,) * 12, (FULL,) * 12, (FAILED, FULL, TIMED_OUT, FULL, FAILED), (asked(0.3), asked(3), asked(60))],
        ids=["errors", "overloads", "mixed", "asked for more"],
    )
    @pytest.mark.parametrize(("service", "base"), [(None, 0.05), ("dynamodb", 0.025)])
    def test_the_waits_of_2026_are_those_of_botocore(
        self, script: tuple[Outcome, ...], service: str | None, base: float
    ) -> None:
        policy = BotocoreRetry(version="2026", max_attempts=len(script) + 1, base=base)
        for seed in range(20):
            assert waits(policy, script=script, seed=seed) == pytest.approx(theirs(script, seed, service))

    def test_the_constants_of_2026_are_those_of_botocore(self) -> None:
        backoff = standard.ExponentialBackoff
        assert BotocoreRetry().base == backoff._DEFAULT_BACKOFF_CONFIG["non_throttling_base_scale"] == 0.05
        assert backoff._SERVICE_BACKOFF_CONFIG["dynamodb"]["non_throttling_base_scale"] == 0.025
        assert backoff._DEFAULT_BACKOFF_CONFIG["throttling_base_scale"] == 1
        assert BotocoreRetry().cap == backoff._MAX_BACKOFF == 20
        assert backoff._RETRY_AFTER_MAX_ADDITIONAL == BOTOCORE_PATIENCE == 5
        assert BotocoreRetry().max_attempts == standard.DEFAULT_MAX_ATTEMPTS == 3
        assert standard.RetryQuotaChecker._RETRY_COST == BOTOCORE_COSTS["2026"][Ending.ERROR] == 14
        assert standard.RetryQuotaChecker._THROTTLING_RETRY_COST == BOTOCORE_COSTS["2026"][Ending.OVERLOADED] == 5

    def test_dynamodb_takes_four_attempts(self) -> None:
        assert standard._SERVICE_MAX_ATTEMPTS["dynamodb"] == 4
        assert Bench(BotocoreRetry(version="2026", max_attempts=4, base=0.025)).calls(1, FAILED) == [4]

    def test_the_old_wait_is_drawn_first_and_capped_then(self) -> None:
        """min(U(0, 1)·2^i, 20 s), i from 0: capped after the draw, so late waits pile up at the cap."""
        drawn = [waits(BotocoreRetry(max_attempts=9), seed=seed) for seed in range(200)]
        for i, column in enumerate(zip(*drawn, strict=True)):
            assert max(column) == pytest.approx(min(20.0, 2.0**i), rel=0.05)
        at_cap = sum(wait == 20.0 for wait in (row[7] for row in drawn))
        assert at_cap / len(drawn) == pytest.approx(1 - 20 / 128, abs=0.08)

    def test_the_old_one_does_not_listen(self) -> None:
        assert max(waits(BotocoreRetry(), script=(asked(60),))) <= 2.0

    def test_three_attempts(self) -> None:
        assert Bench(BotocoreRetry()).calls(1, FAILED) == [3]

    def test_with_its_quota(self) -> None:
        assert sum(Bench(BotocoreRetry(version="2026"), BotocoreBudget(version="2026")).calls(100, FAILED)) == 135


def test_any_retry_is_forbidden_by_a_negative_retry_after() -> None:
    """sre.google/sre-book/handling-overload: "overloaded; don't retry"."""
    assert Bench(Retry()).calls(1, asked(-1)) == [1]


def test_the_deadline_holds() -> None:
    bench = Bench(GrpcRetry(initial=5.0, cap=50.0))
    bench.call(asked(3.0), request=PLAIN.due(2.0))
    assert (len(bench.requests), bench.now) == (1, 0.0)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: GrpcRetry(max_attempts=1), "max_attempts: must be a whole number, 2 or more"),
        (lambda: GrpcRetry(multiplier=0), "multiplier: must be a finite number greater than 0"),
        (lambda: GrpcHedge(max_attempts=1), "max_attempts: must be a whole number, 2 or more"),
        (lambda: GrpcHedge(delay=0), "delay: must be a finite number greater than 0"),
        (lambda: BotocoreRetry(max_attempts=0), "max_attempts: must be a whole number, 1 or more"),
        (lambda: BotocoreRetry(base=2, cap=1), "cap: must be 2 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
