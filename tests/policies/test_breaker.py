"""Circuit breakers: the table, the numbers, and that late or cancelled calls count for nothing."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.events import StateChanged
from stormlab.outcome import Ending, Outcome
from stormlab.policies import CircuitBreaker, ConsecutiveBreaker, Timeout
from stormlab.policies.breaker import TRANSITIONS, Breaker, Permit, Share, Signal, State, Streak
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench


def state_of(breaker: Breaker) -> State:
    return breaker.state


def settle(breaker: Breaker, now: float, *outcomes: Outcome) -> None:
    for outcome in outcomes:
        permit = breaker.admit(now, PLAIN)
        assert permit is not None
        breaker.settle(now, permit, outcome)


def states(bench: Bench) -> list[tuple[float, str, str]]:
    return [(event.now, event.before, event.after) for event in bench.listener.of(StateChanged)]


def test_the_defaults_are_those_of_resilience4j() -> None:
    """resilience4j.readme.io/docs/circuitbreaker: 50 % of 100 calls, 60 s open, 10 half-open, slow 100 % over 60 s."""
    assert CircuitBreaker() == CircuitBreaker(
        ratio=0.5, window=100, minimum=100, open_seconds=60, probes=10, slow_ratio=1.0, slow_seconds=60
    )


def test_five_in_a_row_is_the_default_of_envoy() -> None:
    """envoyproxy.io, outlier detection: consecutive_5xx 5, base_ejection_time 30 s."""
    assert (ConsecutiveBreaker().failures, ConsecutiveBreaker().open_seconds) == (5, 30.0)


def test_every_state_can_be_left_and_reached() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State) == set(TRANSITIONS.values())


@pytest.mark.parametrize(("state", "signal"), list(product(State, Signal)))
def test_what_is_not_in_the_table_does_not_happen(state: State, signal: Signal) -> None:
    breaker = ConsecutiveBreaker().breaker()
    breaker.state = state
    if (state, signal) in TRANSITIONS:
        breaker._move(1.0, signal)
        assert breaker.state is TRANSITIONS[state, signal]
    else:
        with pytest.raises(KeyError):
            breaker._move(1.0, signal)


def test_failures_in_a_row_open_it_and_a_success_in_between_starts_over() -> None:
    breaker = ConsecutiveBreaker(failures=3).breaker()
    settle(breaker, 0, FAILED, FAILED, OK, FAILED, FAILED)
    assert state_of(breaker) is State.CLOSED
    settle(breaker, 0, FAILED)
    assert state_of(breaker) is State.OPEN


def test_an_open_breaker_sends_nothing_and_says_when_to_come_back() -> None:
    bench = Bench(ConsecutiveBreaker(failures=2, open_seconds=30))
    bench.call(FAILED)
    bench.call(FAILED)
    bench.wait(12)
    outcome = bench.call(OK)
    assert (outcome.ending, outcome.reason, outcome.retry_after) == (Ending.REFUSED, "breaker-open", 18.0)
    assert bench.requests == []


def test_the_life_of_a_breaker() -> None:
    bench = Bench(ConsecutiveBreaker(failures=1, open_seconds=10, probes=2))
    bench.call((1, FAILED))
    bench.wait(10)
    bench.call((1, FAILED))
    bench.wait(10)
    bench.call((1, OK))
    bench.call((1, OK))
    assert states(bench) == [
        (1, "closed", "open"),
        (11, "open", "half-open"),
        (12, "half-open", "open"),
        (22, "open", "half-open"),
        (24, "half-open", "closed"),
    ]
    assert {(event.policy, event.edge) for event in bench.listener.of(StateChanged)} == {
        ("consecutive-breaker", "here-there")
    }


def test_half_open_lets_only_the_probes_through() -> None:
    breaker = ConsecutiveBreaker(failures=1, open_seconds=10, probes=2).breaker()
    settle(breaker, 0, FAILED)
    permits = [breaker.admit(10, PLAIN) for _ in range(4)]
    assert [permit is not None for permit in permits] == [True, True, False, False]
    assert breaker.refusal(10).retry_after is None


def test_a_probe_that_is_cut_off_gives_its_place_back() -> None:
    breaker = ConsecutiveBreaker(failures=1, open_seconds=10).breaker()
    settle(breaker, 0, FAILED)
    permit = breaker.admit(10, PLAIN)
    assert permit is not None and breaker.admit(10, PLAIN) is None
    breaker.ignore(permit)
    assert breaker.admit(10, PLAIN) is not None


def test_answers_of_an_earlier_period_count_for_nothing() -> None:
    breaker = ConsecutiveBreaker(failures=1, open_seconds=10).breaker()
    late, failing = breaker.admit(0, PLAIN), breaker.admit(0, PLAIN)
    assert late is not None and failing is not None
    breaker.settle(1, failing, FAILED)
    probe = breaker.admit(11, PLAIN)
    assert probe is not None
    breaker.settle(12, late, OK)
    breaker.ignore(late)
    assert (breaker.state, breaker.admit(12, PLAIN)) == (State.HALF_OPEN, None)
    breaker.settle(12, probe, OK)
    assert state_of(breaker) is State.CLOSED


@pytest.mark.parametrize(("outcome", "counts"), [(FAILED, True), (TIMED_OUT, True), (INVALID, False), (OK, False)])
def test_only_passing_failures_count(outcome: Outcome, counts: object) -> None:
    breaker = ConsecutiveBreaker(failures=1).breaker()
    settle(breaker, 0, outcome)
    assert (breaker.state is State.OPEN) is counts


def test_half_of_the_window_opens_it_but_not_before_the_minimum() -> None:
    breaker = CircuitBreaker(window=10, minimum=4).breaker()
    settle(breaker, 0, FAILED, FAILED, FAILED)
    assert state_of(breaker) is State.CLOSED
    settle(breaker, 0, OK)
    assert state_of(breaker) is State.OPEN


def test_the_window_is_the_latest_calls() -> None:
    breaker = CircuitBreaker(window=4, minimum=4, ratio=0.75).breaker()
    settle(breaker, 0, FAILED, FAILED, OK, OK, OK, FAILED, FAILED)
    assert state_of(breaker) is State.CLOSED
    settle(breaker, 0, FAILED)
    assert state_of(breaker) is State.OPEN


def test_slow_calls_open_it_too() -> None:
    bench = Bench(CircuitBreaker(window=4, minimum=4, slow_ratio=0.5, slow_seconds=1))
    for seconds in (0.5, 1.0, 1.5, 1.5):
        bench.call((seconds, OK))
    assert states(bench) == [(4.5, "closed", "open")]


@pytest.mark.parametrize(("failures", "state"), [(4, State.CLOSED), (5, State.OPEN)])
def test_the_probes_of_a_window_are_judged_together(failures: int, state: State) -> None:
    breaker = CircuitBreaker(window=1, minimum=1, open_seconds=60).breaker()
    settle(breaker, 0, FAILED)
    settle(breaker, 60, *[FAILED] * failures, *[OK] * (9 - failures))
    assert state_of(breaker) is State.HALF_OPEN
    settle(breaker, 60, OK)
    assert breaker.state is state


def test_outside_of_the_time_out_it_sees_what_hangs_and_inside_it_does_not() -> None:
    outside = Bench(ConsecutiveBreaker(failures=1), Timeout(seconds=1))
    inside = Bench(Timeout(seconds=1), ConsecutiveBreaker(failures=1))
    for bench, seen in [(outside, 1), (inside, 0)]:
        bench.call((9, OK))
        assert len(states(bench)) == seen


@given(
    calls=st.lists(
        st.tuples(st.floats(0, 5), st.sampled_from([OK, FAILED, INVALID, None]), st.booleans()), max_size=80
    ),
    config=st.sampled_from(
        [
            ConsecutiveBreaker(failures=2, open_seconds=3, probes=2),
            CircuitBreaker(window=4, minimum=2, open_seconds=3, probes=3),
        ]
    ),
)
def test_it_moves_along_its_table_and_never_gets_stuck(
    calls: list[tuple[float, Outcome | None, bool]], config: ConsecutiveBreaker | CircuitBreaker
) -> None:
    moves: list[tuple[float, State, State]] = []
    breaker = config.breaker(lambda *move: moves.append(move))
    now, held = 0.0, list[Permit]()
    for pause, outcome, at_once in calls:
        now += pause
        permit = breaker.admit(now, PLAIN)
        if permit is not None:
            held.append(permit)
        if at_once and held:
            ended = held.pop(0)
            breaker.ignore(ended) if outcome is None else breaker.settle(now, ended, outcome)
    for permit in held:
        breaker.ignore(permit)
    assert {(before, after) for _, before, after in moves} <= {(s, after) for (s, _), after in TRANSITIONS.items()}
    assert all(one[2] is other[1] for one, other in pairwise(moves))
    assert breaker.admit(now + config.open_seconds, PLAIN) is not None


@given(window=st.integers(1, 20), calls=st.lists(st.booleans(), max_size=60), ratio=st.floats(0.05, 1))
def test_the_share_is_that_of_the_latest_calls(window: int, calls: list[bool], ratio: float) -> None:
    share = Share(window, 1, ratio, 1.0)
    for number, failed in enumerate(calls, start=1):
        latest = calls[max(0, number - window) : number]
        expected = Signal.FAILING if sum(latest) / len(latest) >= ratio else None
        assert share.record(failed=failed, slow=False) is expected


def test_a_streak_heals_by_successes_in_a_row() -> None:
    streak = Streak(2, 2)
    signals = [streak.record(failed=failed, slow=False) for failed in (False, True, False, False)]
    assert signals == [None, None, None, Signal.HEALED]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ConsecutiveBreaker(failures=0), "failures: must be a whole number, 1 or more"),
        (lambda: ConsecutiveBreaker(probes=0), "probes: must be a whole number, 1 or more"),
        (lambda: ConsecutiveBreaker(open_seconds=0), "open_seconds: must be a finite number greater than 0"),
        (lambda: CircuitBreaker(ratio=1.5), "ratio: must lie between 0 and 1"),
        (lambda: CircuitBreaker(ratio=0), "ratio: must be a finite number greater than 0"),
        (lambda: CircuitBreaker(window=10), "window: must be 100 or more"),
        (lambda: CircuitBreaker(slow_seconds=0), "slow_seconds: must be a finite number greater than 0"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
