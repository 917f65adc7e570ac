"""Shedding by numbers: limits by priority, permits that come back, and the levels of DAGOR."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import Request
from stormlab.errors import InvalidValue
from stormlab.outcome import SUCCESS
from stormlab.policies import ConcurrencyShed, PriorityShed, QueueShed
from stormlab.policies.shed import Depth, Levels, Occupancy, share


@dataclass
class Load:
    waiting: int = 0
    begun: int = 0
    waited: float = 0.0


def test_each_priority_leaves_a_reserve_to_those_above() -> None:
    """Stripe keeps 20 % for critical requests (stripe.com/blog/rate-limiters)."""
    assert [share(100, 0.2, priority) for priority in range(4)] == pytest.approx([100, 80, 64, 51.2])
    assert share(1, 1.0, 9) == 1


@given(st.lists(st.tuples(st.sampled_from(["in", "settled", "ignored"]), st.integers(0, 3)), max_size=100))
def test_every_permit_comes_back_and_no_priority_exceeds_its_share(steps: list[tuple[str, int]]) -> None:
    gate, inside = Occupancy(10, 0.3, 1.0), 0
    for step, priority in steps:
        if step == "in":
            if gate.admit(0.0, Request(priority=priority)):
                inside += 1
                assert inside <= share(10, 0.3, priority)
        elif inside:
            gate.settle(0.0, True, SUCCESS) if step == "settled" else gate.ignore(True)
            inside -= 1
        assert gate.inside == inside


def test_the_queue_is_looked_at() -> None:
    load = Load()
    gate = Depth(10, 0.5, 2.0, load)
    load.waiting = 5
    assert gate.admit(0.0, Request(priority=0))
    assert gate.admit(0.0, Request(priority=1)) is None
    refusal = gate.refusal(0.0)
    assert (refusal.reason, refusal.retry_after) == ("shed-queue", 2.0)


def test_dagors_constants() -> None:
    """Zhou et al., "Overload Control for Scaling WeChat Microservices", SoCC 2018."""
    config = PriorityShed()
    assert (config.threshold, config.window, config.requests) == (0.02, 1.0, 2000)
    assert (config.decrease, config.increase, Levels.USERS) == (0.05, 0.01, 128)


def window(levels: Levels, load: Load, now: float, *, wait: float, number: int = 400) -> list[int]:
    """One window with ``number`` arrivals of four priorities that waited ``wait`` s each; how many got in, of each."""
    admitted = [0, 0, 0, 0]
    for each in range(number):
        request = Request(priority=each % 4, caller=f"c{each % 97}")
        if levels.admit(now + each / number * 0.99, request):
            admitted[each % 4] += 1
            load.begun += 1
            load.waited += wait
    return admitted


def test_the_levels_shrink_by_about_five_percent_a_window_and_the_least_important_go_first() -> None:
    load = Load()
    levels = Levels(PriorityShed(), load)
    admitted = [sum(window(levels, load, now, wait=0.1)) for now in range(1, 6)]
    assert admitted[0] == 400
    for before, after in pairwise(admitted):
        assert 0.9 * before <= after <= 0.96 * before
    *more, least = window(levels, load, 6, wait=0.1)
    assert more == [100, 100, 100]
    assert least < 100


def test_the_levels_grow_again_until_everybody_is_in() -> None:
    load = Load()
    levels = Levels(PriorityShed(), load)
    for now in range(1, 21):
        window(levels, load, now, wait=0.1)
    low = sum(window(levels, load, 21, wait=0.0))
    grown = [sum(window(levels, load, now, wait=0.0)) for now in range(22, 150)]
    assert low < grown[0] < 400
    assert grown[-1] == 400
    assert grown == sorted(grown)


def test_somebody_always_gets_in() -> None:
    load = Load()
    levels = Levels(PriorityShed(decrease=1.0), load)
    assert min(sum(window(levels, load, now, wait=1.0)) for now in range(1, 30)) > 0


@pytest.mark.parametrize("config", [ConcurrencyShed, QueueShed])
def test_bad_numbers_are_named(config: type[ConcurrencyShed] | type[QueueShed]) -> None:
    with pytest.raises(InvalidValue, match="limit"):
        config(limit=0)
    with pytest.raises(InvalidValue, match="reserve"):
        config(reserve=2)
