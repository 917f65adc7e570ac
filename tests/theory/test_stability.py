"""Thresholds of Huang et al. and the fluid model of their retry experiment."""

from __future__ import annotations

import math

import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory.stability import Stall, System, retry_amplification

BRONSON = System(load=280, capacity=300, load_amplification=retry_amplification(retries=1))


def test_threshold_1_headroom() -> None:
    assert BRONSON.headroom == 20
    assert BRONSON.absorbs(added_load=10, lost_capacity=9.9)
    assert not BRONSON.absorbs(added_load=10, lost_capacity=10)


def test_threshold_2_stable_capacity() -> None:
    assert BRONSON.stable_capacity == 150
    assert not BRONSON.is_stable
    assert System(load=149, capacity=300, load_amplification=2).is_stable
    assert System(load=10, capacity=300, load_amplification=5, capacity_degradation=6).stable_capacity == 10


def test_boundless_retries_leave_no_stable_load() -> None:
    assert not System(load=1e-9, capacity=300, load_amplification=math.inf).is_stable


def test_threshold_3_short_triggers_pass() -> None:
    assert BRONSON.outlasts(load_amplification=1.07, capacity_degradation=1)
    assert not BRONSON.outlasts(load_amplification=1.08, capacity_degradation=1)


def test_threshold_4_overload_outlives_its_trigger() -> None:
    outage = {"added_load": 0.0, "lost_capacity": 300.0}
    assert BRONSON.is_trapped(system_load=560, system_capacity=0, **outage)
    spike = System(load=100, capacity=300, load_amplification=2)
    assert not spike.is_trapped(system_load=500, system_capacity=300, added_load=150)
    assert System(load=200, capacity=300).is_trapped(system_load=700, system_capacity=300, added_load=150)


def test_threshold_4_without_effects_says_nothing_is_sustained() -> None:
    assert not System(load=280, capacity=300).is_trapped(system_load=380, system_capacity=300, added_load=100)


def test_at_most_two_retries_are_at_most_three_times_the_load() -> None:
    assert retry_amplification(retries=2) == 3


def _mongo(*, remaining: float, duration: float = 10, load: float = 6_200) -> Stall:
    return Stall(load=load, capacity=16_000, remaining=remaining, duration=duration, timeout=3, retries=4)


def test_the_trigger_experiment() -> None:
    assert _mongo(remaining=0.2).is_metastable
    assert not _mongo(remaining=0.22).is_metastable
    assert not _mongo(remaining=0.2, duration=8).is_metastable
    assert not _mongo(remaining=0.2, load=5_000).is_metastable


def test_no_backlog_while_the_rest_suffices_and_no_trap_without_enough_retries() -> None:
    assert _mongo(remaining=0.5).backlog == 0
    assert not Stall(load=3_000, capacity=16_000, remaining=0, duration=60, timeout=3, retries=4).is_metastable


def test_refusals() -> None:
    with pytest.raises(BadInput, match="capacity is 0"):
        System(load=1, capacity=0)
    with pytest.raises(BadInput, match="retries is -1"):
        Stall(load=1, capacity=2, remaining=0.5, duration=1, timeout=1, retries=-1)
