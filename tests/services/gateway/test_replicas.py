"""Which replica is next, and when health checks change the answer."""

from __future__ import annotations

from random import Random

import pytest

from services.gateway.replicas import Balancer, Balancing, Replica, Standing


def balancer(kind: Balancing, number: int = 3) -> Balancer:
    return Balancer([Replica(f"r{index}:1") for index in range(number)], kind, Random(1))


def test_round_robin_takes_turns() -> None:
    pool = balancer("round-robin")
    assert [pool.next().address for _ in range(4)] == ["r0:1", "r1:1", "r2:1", "r0:1"]


def test_least_loaded_takes_the_emptiest_and_equals_in_turn() -> None:
    pool = balancer("least-loaded")
    chosen = []
    for _ in range(6):
        replica = pool.next()
        replica.load += 1
        chosen.append(replica.address)
    assert sorted(chosen) == ["r0:1", "r0:1", "r1:1", "r1:1", "r2:1", "r2:1"]
    pool.replicas[1].load = 0
    assert [pool.next().address for _ in range(3)] == ["r1:1"] * 3


def test_two_choices_never_takes_the_fullest_of_three() -> None:
    pool = balancer("two-choices")
    pool.replicas[2].load = 9
    assert {pool.next().address for _ in range(100)} == {"r0:1", "r1:1"}


@pytest.mark.parametrize("kind", ["round-robin", "least-loaded", "two-choices"])
def test_the_unhealthy_are_left_out_until_all_are(kind: Balancing) -> None:
    pool = balancer(kind)
    pool.mark(pool.replicas[0], healthy=False)
    pool.mark(pool.replicas[1], healthy=False)
    assert {pool.next().address for _ in range(20)} == {"r2:1"}
    pool.mark(pool.replicas[2], healthy=False)
    assert (pool.healthy, {pool.next().address for _ in range(50)}) == (0, {"r0:1", "r1:1", "r2:1"})
    pool.mark(pool.replicas[0], healthy=True)
    assert {pool.next().address for _ in range(20)} == {"r0:1"}


def test_a_standing_changes_after_so_many_in_a_row() -> None:
    standing = Standing(unhealthy_after=3, healthy_after=2)
    results = [False, False, True, False, False, False, True, False, True, True]
    changes = [standing.record(ok=ok) for ok in results]
    assert changes == [False] * 5 + [True] + [False] * 3 + [True]
    assert standing.healthy
