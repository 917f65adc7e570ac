"""What holds for every policy, present and future: the list is taken from what scenarios may name."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, get_args

import pytest

from stormlab import policies
from stormlab.effects import Request
from stormlab.policies import Policy
from stormlab.scenario.patterns import GuardSpec, PolicySpec
from tests.drivers.test_permits import Permits
from tests.drivers.worlds import on_simpy, random_play
from tests.policies.bench import FAILED, INVALID, OK, Bench

CONFIGS: list[type[Any]] = sorted(
    {config for spec in (PolicySpec, GuardSpec) for config in get_args(get_args(spec)[0])}, key=lambda one: one.__name__
)
every = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)


@every
def test_it_is_frozen_numbers_with_a_kind_of_its_own(config: type[Any]) -> None:
    policy = config()
    assert policy.kind in str(dataclasses.fields(config)[0].default)
    assert [other for other in CONFIGS if other().kind == policy.kind] == [config]
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.kind = "other"


@every
def test_a_success_comes_through_unchanged(config: type[Any]) -> None:
    bench = Bench(config())
    assert [bench.call((0.01, OK)) for _ in range(30)] == [OK] * 30
    assert bench.now == pytest.approx(0.3)


@every
def test_a_bad_request_is_nobodys_failure(config: type[Any]) -> None:
    bench = Bench(config())
    bench.call(OK)
    assert [bench.call((0.01, INVALID)) for _ in range(30)] == [INVALID] * 30


def _both(config: type[Any], permits: Permits) -> list[Policy]:
    return [config(), permits]


@every
def test_cutting_off_gives_everything_back_that_was_taken_further_in(config: type[Any]) -> None:
    for seed in range(20):
        permits = Permits()
        on_simpy(random_play(partial(_both, config, permits), seed, cut=0.7))
        assert (permits.held, permits.taken) == (0, permits.ended + permits.ignored)


@every
def test_calls_that_were_cut_off_do_not_count(config: type[Any]) -> None:
    """But for a rate per caller, which nobody shall evade by leaving."""
    bench = Bench(config(burst=501) if config is policies.CallerThrottle else config())
    for _ in range(500):
        bench.cut_off()
    assert bench.call(OK) == OK
    assert len(bench.requests) == 1


@every
def test_what_the_caller_said_reaches_the_callee(config: type[Any]) -> None:
    bench = Bench(config())
    bench.call(OK, request=Request(1, 99.0, "me", 0, "k"))
    (seen,) = bench.requests
    assert (seen.caller, seen.priority, seen.key, seen.attempt) == ("me", 0, "k", 1)
    assert seen.deadline is not None and seen.deadline <= 99.0


@every
def test_each_pipeline_has_a_state_of_its_own(config: type[Any]) -> None:
    policy = config()
    used = Bench(policy)
    for _ in range(300):
        used.call((0.01, FAILED))
    fresh = Bench(policy)
    assert fresh.call(OK) == OK
