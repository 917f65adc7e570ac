"""Which replica gets the next request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from stormlab.sim.balancing import Balancing, chooser


@dataclass(eq=False)
class Server:
    name: str
    load: int = 0


def servers(*loads: int) -> list[Server]:
    return [Server(name, load) for name, load in zip("abcdefgh", loads, strict=False)]


def chosen(kind: Balancing, targets: list[Server], number: int) -> str:
    choose = chooser(kind, targets, Random(1))
    return "".join(choose().name for _ in range(number))


def test_round_robin_takes_turns_whatever_the_load() -> None:
    assert chosen("round-robin", servers(9, 0, 5), 6) == "bcabca"


def test_least_loaded_takes_the_emptiest_and_equals_in_turn() -> None:
    assert chosen("least-loaded", servers(3, 1, 2), 3) == "bbb"
    assert chosen("least-loaded", servers(0, 5, 0), 4) == "caca"


def test_two_choices_never_takes_the_worst() -> None:
    counts = Counter(chosen("two-choices", servers(0, 1, 2), 3000))
    assert counts["c"] == 0
    assert counts["a"] == pytest.approx(2000, abs=4 * (3000 * 2 / 9) ** 0.5)


def test_balanced_allocation_is_flatter_with_two_choices_than_with_one() -> None:
    """n balls into n bins: the fullest holds about ln ln n / ln 2 with two choices (Mitzenmacher 2001)."""
    bins = [Server(str(index)) for index in range(1000)]
    choose = chooser("two-choices", bins, Random(2))
    for _ in range(1000):
        choose().load += 1
    assert max(one.load for one in bins) <= 4


@pytest.mark.parametrize("kind", ["round-robin", "least-loaded", "two-choices"])
def test_a_single_server_gets_everything(kind: Balancing) -> None:
    assert chosen(kind, servers(7), 3) == "aaa"
