"""Which replica gets the next request."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.policies.balancing import Balancing, balancer

KINDS: list[Balancing] = ["round-robin", "least-loaded", "two-choices"]


def chosen(kind: Balancing, loads: list[int], number: int, among: list[int] | None = None) -> list[int]:
    choose = balancer(kind, Random(1)).choose
    return [choose(among or range(len(loads)), loads) for _ in range(number)]


def test_round_robin_takes_turns_whatever_the_load() -> None:
    assert chosen("round-robin", [9, 0, 5], 6) == [1, 2, 0, 1, 2, 0]


def test_round_robin_skips_who_is_out_of_rotation() -> None:
    assert chosen("round-robin", [0, 0, 0, 0], 4, among=[0, 3]) == [3, 0, 3, 0]


def test_least_loaded_takes_the_emptiest_and_equals_in_turn() -> None:
    assert chosen("least-loaded", [3, 1, 2], 3) == [1, 1, 1]
    assert chosen("least-loaded", [0, 5, 0], 4) == [2, 0, 2, 0]


def test_two_choices_never_takes_the_worst() -> None:
    counts = Counter(chosen("two-choices", [0, 1, 2], 3000))
    assert counts[2] == 0
    assert counts[0] == pytest.approx(2000, abs=4 * (3000 * 2 / 9) ** 0.5)


def test_balanced_allocation_is_flatter_with_two_choices_than_with_one() -> None:
    """n balls into n bins: the fullest holds about ln ln n / ln 2 with two choices (Mitzenmacher 2001)."""
    loads = [0] * 1000
    choose = balancer("two-choices", Random(2)).choose
    for _ in range(1000):
        loads[choose(range(1000), loads)] += 1
    assert max(loads) <= 4


@given(
    kind=st.sampled_from(KINDS),
    loads=st.lists(st.integers(0, 9), min_size=1, max_size=8),
    data=st.data(),
)
def test_only_those_in_rotation_are_chosen(kind: Balancing, loads: list[int], data: st.DataObject) -> None:
    among = sorted(data.draw(st.sets(st.integers(0, len(loads) - 1), min_size=1)))
    picks = chosen(kind, loads, 20, among)
    assert set(picks) <= set(among)
    if kind == "least-loaded":
        assert {loads[pick] for pick in picks} == {min(loads[one] for one in among)}
    if kind == "round-robin":
        assert max(Counter(picks).values()) - min(picks.count(one) for one in among) <= 1
