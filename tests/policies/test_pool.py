"""Pools: who is in rotation, fail open, and that every permit comes back."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.events import StateChanged
from stormlab.policies import HealthCheck, OutlierEjection, Panic, Pool
from stormlab.policies.health_check import TRANSITIONS, Checker, Condition
from stormlab.policies.pool import Permit
from stormlab.testing import RecordingListener
from tests.policies.bench import FAILED, OK


def pool(size: int = 4, **options: Any) -> Pool:
    return Pool(size, random=Random(1), name="db", **options)


def ask(one: Pool, now: float = 0.0) -> Permit:
    permit = one.admit(now, PLAIN)
    assert permit is not None
    return permit


def probe(one: Pool, *replicas: int, ok: bool, times: int = 3) -> None:
    for _ in range(times):
        for replica in replicas:
            one.probed(0.0, replica, ok=ok)


def test_the_defaults_are_those_of_kubernetes_and_envoy() -> None:
    """kubernetes.io, Probe: every 10 s, 1 s, three failures, one success; envoyproxy.io: panic threshold 50 %."""
    assert HealthCheck() == HealthCheck(depth="shallow", interval=10, timeout=1, failures=3, successes=1)
    assert Panic() == Panic(threshold=0.5, action="fail-open")


def test_load_is_what_is_under_way() -> None:
    one = pool(2, balancing="least-loaded")
    first, second, third = (ask(one) for _ in range(3))
    assert [first.replica, second.replica, third.replica] == [1, 0, 1]
    one.settle(1.0, first, OK)
    one.ignore(third)
    one.settle(2.0, first, OK)
    assert one.loads == [1, 0]
    assert ask(one).replica == 1


def test_an_ejected_replica_gets_nothing() -> None:
    one = pool(outlier=OutlierEjection())
    while 2 in one.rotation(0.0):
        permit = ask(one)
        one.settle(0.0, permit, FAILED if permit.replica == 2 else OK)
    assert {ask(one).replica for _ in range(20)} == {0, 1, 3}
    assert {ask(one, 40.0).replica for _ in range(20)} == {0, 1, 2, 3}


def test_a_request_whose_deadline_passed_is_a_failure_of_its_replica() -> None:
    one = pool(2, outlier=OutlierEjection(consecutive=2))
    permits = []
    for _ in range(4):
        permit = one.admit(0.0, PLAIN.due(1.0))
        assert permit is not None
        permits.append(permit)
        if permit.replica == 0:
            one.settle(0.5, permit, OK)
    assert set(one.rotation(0.9)) == {0, 1}
    ask(one, 1.0)
    assert set(one.rotation(1.0)) == {0}
    one.settle(3.0, permits[0], OK)  # too late to count
    assert min(one.loads) == 0


def test_three_failed_checks_take_it_out_and_one_good_one_brings_it_back() -> None:
    one = pool(health=HealthCheck())
    probe(one, 1, ok=False, times=2)
    assert set(one.rotation(0)) == {0, 1, 2, 3}
    probe(one, 1, ok=False, times=1)
    assert set(one.rotation(0)) == {0, 2, 3}
    probe(one, 1, ok=True, times=1)
    assert set(one.rotation(0)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("unhealthy", "panic", "rotation"),
    [
        ([0], Panic(), {1, 2, 3}),
        ([0, 1], Panic(), {2, 3}),  # 50 % is not below 50 %
        ([0, 1, 2], Panic(), {0, 1, 2, 3}),
        ([0, 1, 2, 3], Panic(), {0, 1, 2, 3}),
        ([0, 1, 2], Panic(action="fail-closed"), set()),
        ([0, 1, 2], Panic(threshold=0), {3}),
        ([0, 1, 2, 3], Panic(threshold=0), set()),
    ],
)
def test_fail_open_when_too_many_look_unhealthy(unhealthy: list[int], panic: Panic, rotation: set[int]) -> None:
    one = pool(health=HealthCheck(), panic=panic)
    probe(one, *unhealthy, ok=False)
    assert set(one.rotation(0)) == rotation
    permit = one.admit(0, PLAIN)
    assert (permit is None) is (not rotation)
    assert one.refusal(0).reason == "no-healthy-replica"


def test_ejections_and_health_checks_count_together() -> None:
    one = pool(health=HealthCheck(), outlier=OutlierEjection(consecutive=1), panic=Panic(threshold=0.75))
    permit = ask(one)
    one.settle(0, permit, FAILED)
    assert len(one.rotation(0)) == 3
    probe(one, (permit.replica + 1) % 4, ok=False)
    assert len(one.rotation(0)) == 4


def test_changes_are_told() -> None:
    listener = RecordingListener()
    one = pool(2, health=HealthCheck(failures=1), outlier=OutlierEjection(consecutive=1), listener=listener)
    one.settle(1.0, ask(one), FAILED)
    one.probed(2.0, 0, ok=False)
    one.rotation(2.0)
    assert listener.of(StateChanged) == [
        (1.0, "db/1", "outlier-ejection", "in-rotation", "ejected"),
        (2.0, "db/0", "health-check", "healthy", "unhealthy"),
        (2.0, "db", "panic", "calm", "panic"),
    ]


@given(answers=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=100), needed=st.integers(1, 4))
def test_checks_move_along_the_table(answers: list[tuple[int, bool]], needed: int) -> None:
    moves: list[tuple[float, int, Condition, Condition]] = []
    checker = Checker(HealthCheck(failures=needed, successes=needed), 3, lambda *move: moves.append(move))
    for replica, ok in answers:
        checker.record(0.0, replica, ok=ok)
    assert {(before, after) for *_, before, after in moves} <= {(s, after) for (s, _), after in TRANSITIONS.items()}
    for replica in range(3):
        mine = [ok for one, ok in answers if one == replica]
        if len(mine) >= needed and len(set(mine[-needed:])) == 1:
            assert (replica in checker.unhealthy) is not mine[-1]


@given(
    moves=st.lists(st.tuples(st.sampled_from(["admit", "settle", "ignore"]), st.floats(0, 3)), max_size=150),
    balancing=st.sampled_from(["round-robin", "least-loaded", "two-choices"]),
)
def test_every_permit_comes_back(moves: list[tuple[str, float]], balancing: str) -> None:
    one, held, now = pool(balancing=balancing, outlier=OutlierEjection()), list[Permit](), 0.0
    for move, pause in moves:
        now += pause
        if move == "admit":
            permit = one.admit(now, PLAIN.due(now + 2.0))
            assert permit is not None
            held.append(permit)
        elif held:
            one.settle(now, held.pop(), FAILED) if move == "settle" else one.ignore(held.pop())
        held = [permit for permit in held if permit.open]
        assert one.loads == [sum(permit.replica == replica for permit in held) for replica in range(4)]
    one.expire(now + 2.0)
    assert one.loads == [0] * 4


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: HealthCheck(interval=0), "interval: must be a finite number greater than 0"),
        (lambda: HealthCheck(timeout=0), "timeout: must be a finite number greater than 0"),
        (lambda: HealthCheck(failures=0), "failures: must be a whole number, 1 or more"),
        (lambda: HealthCheck(successes=0), "successes: must be a whole number, 1 or more"),
        (lambda: Panic(threshold=2), "threshold: must lie between 0 and 1"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
