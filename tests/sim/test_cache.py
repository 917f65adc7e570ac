"""The cache in front of a dependency: what it answers, keeps, forgets and coalesces."""

from __future__ import annotations

from random import Random

import pytest
import simpy

from stormlab.drivers.sim import Timer
from stormlab.effects import Request, call_once
from stormlab.outcome import SUCCESS, Outcome, failure
from stormlab.scenario import parts
from stormlab.sim.cache import Cache, Replacement
from stormlab.sim.service import Reply


class Store:
    """Answers ``outcome`` after 1 s and counts how often it was asked."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.asked: list[str] = []
        self.outcome = SUCCESS

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        self.asked.append(request.key)
        Timer(self.env, 1.0, lambda _event: reply(self.outcome))
        return None


class Bench:
    def __init__(
        self, *, capacity: int = 10, ttl: float | None = None, coalesce: bool = False, jitter: float = 0.0
    ) -> None:
        self.env = simpy.Environment()
        self.store = Store(self.env)
        description = parts.Cache(capacity=capacity, ttl=ttl, coalesce=coalesce, jitter=jitter)
        self.cache = Cache(self.env, description, call_once, self.store.send, Random(1))
        self.answers: list[Outcome] = []

    def ask(self, *keys: str) -> None:
        """Ask for all keys at once and wait a second and a bit."""
        for key in keys:
            outcome = self.cache.send(Request(key=key), self.answers.append)
            if outcome is not None:
                self.answers.append(outcome)
        self.env.run(self.env.now + 1.001)


def test_the_second_request_for_a_key_is_answered_without_the_dependency() -> None:
    bench = Bench()
    bench.ask("a")
    bench.ask("a", "b")
    assert (bench.store.asked, bench.answers) == (["a", "b"], [SUCCESS] * 3)
    assert (bench.cache.hits, bench.cache.lookups) == (1, 3)


def test_misses_for_one_key_all_go_on_unless_they_are_coalesced() -> None:
    stampede, coalesced = Bench(), Bench(coalesce=True)
    for bench in (stampede, coalesced):
        bench.ask("a", "a", "a")
        assert bench.answers == [SUCCESS] * 3
    assert (len(stampede.store.asked), len(coalesced.store.asked)) == (3, 1)


def test_coalesced_requests_share_a_failure_too_and_the_next_one_asks_again() -> None:
    bench = Bench(coalesce=True)
    bench.store.outcome = failure("down")
    bench.ask("a", "a")
    assert [answer.reason for answer in bench.answers] == ["down", "down"]
    bench.ask("a")
    assert len(bench.store.asked) == 2


def test_failures_are_not_kept() -> None:
    bench = Bench()
    bench.store.outcome = failure("down")
    bench.ask("a")
    bench.store.outcome = SUCCESS
    bench.ask("a")
    bench.ask("a")
    assert bench.store.asked == ["a", "a"]


def test_the_least_recently_used_entry_makes_room() -> None:
    bench = Bench(capacity=2)
    bench.ask("a", "b")
    bench.ask("a")
    bench.ask("c")
    assert len(bench.cache) == 2
    bench.ask("a", "b")
    assert bench.store.asked == ["a", "b", "c", "b"]


def test_an_entry_expires() -> None:
    bench = Bench(ttl=5.0)
    bench.ask("a")
    bench.env.run(5.9)
    bench.ask("a")
    bench.ask("a")
    assert bench.store.asked == ["a", "a"]


@pytest.mark.parametrize(("share", "left"), [(1.0, 0), (0.0, 100), (0.3, 70)])
def test_a_flush_forgets_its_share(share: float, left: int) -> None:
    bench = Bench(capacity=100)
    bench.ask(*(str(key) for key in range(100)))
    bench.cache.flush(share, Random(3))
    assert len(bench.cache) == pytest.approx(left, abs=15 if 0 < share < 1 else 0)


def test_nodes_that_are_replaced_one_after_the_other_lose_their_share_once() -> None:
    bench = Bench(capacity=1000)
    keys = [str(key) for key in range(1000)]
    bench.ask(*keys)
    Replacement(bench.env, [bench.cache], 0.25, 10.0, Random(5))
    bench.env.run(bench.env.now + 5.0)
    assert len(bench.cache) == pytest.approx(875, abs=30)
    bench.ask(*keys)
    bench.env.run(bench.env.now + 10.0)
    assert len(bench.cache) == pytest.approx(875, abs=30)


def test_lifetimes_vary_by_the_jitter() -> None:
    bench = Bench(capacity=1000, ttl=10.0, jitter=0.5)
    keys = [str(key) for key in range(200)]
    bench.ask(*keys)
    bench.env.run(1.0 + 4.9)
    hits = []
    for _ in range(5):
        before = bench.cache.hits
        bench.env.run(bench.env.now + 1.0)
        bench.ask(*keys)
        hits.append(bench.cache.hits - before)
    assert hits[0] == pytest.approx(160, abs=25)
    assert hits[0] < 200 > hits[-1]
