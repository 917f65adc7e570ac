"""What a replica decides about its lease: when it asks, whether a block holds it back, how long it serves."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stormlab.outcome import SUCCESS, TIMED_OUT
from stormlab.scenario.disturbances import Block
from stormlab.scenario.parts import Lease
from stormlab.scenario.tenancy import LEAST_RETRY, Tenancy


def tenancy(**over: Any) -> Tenancy:
    given = {"source": "granter", "every": 10, "retry": 2, "timeout": 1, "jitter": 0.1} | over
    return Tenancy(Lease.model_validate(given), Random(1), 0.0)


def test_the_first_request_is_at_any_time_of_the_interval() -> None:
    one = tenancy()
    times = [one.first() for _ in range(1000)]
    assert (min(times), max(times)) == pytest.approx((0, 10), abs=0.2)


def test_the_next_request_comes_after_the_interval_or_sooner_after_a_failure() -> None:
    one = tenancy()
    for seconds, outcome in ((10, SUCCESS), (2, TIMED_OUT)):
        times = [one.answered(1, outcome) for _ in range(1000)]
        assert min(times) == pytest.approx(0.9 * seconds, rel=0.01)
        assert max(times) == pytest.approx(1.1 * seconds, rel=0.01)


def test_who_would_ask_again_at_once_waits_a_little() -> None:
    one = tenancy(retry=0, jitter=0)
    assert (one.retry(), one.answered(1, TIMED_OUT)) == (LEAST_RETRY, LEAST_RETRY)


def test_a_lease_is_over_with_the_first_failure() -> None:
    one = tenancy()
    assert one.holds(1000)
    one.answered(1000, TIMED_OUT)
    assert not one.holds(1000)
    one.answered(1001, SUCCESS)
    assert one.holds(2000)


def test_a_lease_with_a_time_to_live_is_over_when_that_has_passed_since_the_last_renewal() -> None:
    one = tenancy(ttl=30)
    assert (one.holds(29), one.holds(30)) == (True, False), "nobody has ever answered"
    one.answered(20, SUCCESS)
    one.answered(40, TIMED_OUT)
    assert (one.holds(49), one.holds(50)) == (True, False)


def test_the_largest_share_of_the_blocks_is_held_back() -> None:
    one = tenancy()
    ramp = {"kind": "block", "target": "hosts", "at": 0, "for": 10, "share": 0.0, "to": 1.0}
    blocks = [Block.model_validate(given) for given in (ramp, ramp | {"to": 0.2})]
    assert not one.held_back(3, [])
    for now, share in ((0, 0.0), (3, 0.3), (10, 1.0)):
        assert sum(one.held_back(now, blocks) for _ in range(1000)) == pytest.approx(1000 * share, abs=60)
