"""Two choices with old news: which rule waits least depends on how stale the queue lengths are.

Ten servers, 1 request/s, 8 s of service, lengths refreshed every N s: with fresh lengths the best of all is the best
rule; it herds when they are stale, and two choices lead from N of about 10 to 70; with useless news chance alone is as
good (Brooker, brooker.co.za/blog/2012/01/17/two-random.html).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from random import Random

import pytest

from stormlab.policies.balancing import Balancer, LeastLoaded, TwoChoices

SERVERS, SERVICE = 10, 8.0


class Chance:
    """Any of them."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, among: Sequence[int], loads: Sequence[int]) -> int:
        return among[int(self._random.random() * len(among))]


def mean_response(balancer: Balancer, *, stale: float, seed: int = 1, requests: int = 20_000) -> float:
    """Mean response time in s of FIFO servers whose lengths the balancer knows as of the last multiple of ``stale``."""
    random = Random(seed)
    free = [0.0] * SERVERS
    leaving: list[list[float]] = [[] for _ in range(SERVERS)]
    known, refreshed, now, total = [0] * SERVERS, 0.0, 0.0, 0.0
    for _ in range(requests):
        now += random.expovariate(1.0)
        if now >= refreshed + stale:
            refreshed = now - now % stale
            for server, ends in enumerate(leaving):
                while ends and ends[0] <= refreshed:
                    heapq.heappop(ends)
                known[server] = len(ends)
        server = balancer.choose(range(SERVERS), known)
        free[server] = max(free[server], now) + random.expovariate(1 / SERVICE)
        heapq.heappush(leaving[server], free[server])
        total += free[server] - now
    return total / requests


def responses(stale: float) -> dict[str, float]:
    """Of the three rules, with the same seed."""
    rules: dict[str, Balancer] = {
        "best": LeastLoaded(),
        "two": TwoChoices(Random(2)),
        "chance": Chance(Random(3)),
    }
    return {name: mean_response(rule, stale=stale) for name, rule in rules.items()}


def test_with_fresh_lengths_the_best_is_best() -> None:
    found = responses(0.5)
    assert found["best"] < found["two"] < found["chance"] / 2


@pytest.mark.parametrize("stale", [15.0, 30.0, 60.0])
def test_with_stale_lengths_two_choices_lead_and_the_best_herds(stale: float) -> None:
    found = responses(stale)
    assert found["two"] < found["best"]
    assert found["two"] < found["chance"]


def test_with_useless_lengths_chance_is_better_than_herding() -> None:
    found = responses(200.0)
    assert found["chance"] < found["two"] < found["best"]


def test_chance_alone_is_ten_queues() -> None:
    """M/M/1 at 80 %: 8/(1 − 0.8) = 40 s."""
    assert responses(1.0)["chance"] == pytest.approx(40, rel=0.15)
