"""Slowdown under load, popularity of keys, and what a client's requests say."""

from __future__ import annotations

from collections import Counter
from math import e
from random import Random

import numpy as np
import pytest

from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.parts import ExponentialSlowdown, PowerSlowdown, UniformKeys, ZipfKeys, best_concurrency
from stormlab.scenario.requests import requests_of
from tests.scenario.building import scenario, web


def test_slowdowns_are_their_formulas() -> None:
    assert ExponentialSlowdown(kind="exponential", strength=4).factor(0.25) == pytest.approx(e)
    assert PowerSlowdown(kind="power", strength=4, exponent=3).factor(0.5) == pytest.approx(1.5)
    assert PowerSlowdown(kind="power", strength=2).factor(0.0) == 1.0


def test_capacity_is_that_of_the_best_concurrency_not_of_the_highest() -> None:
    """n·exp(-4n/10) is largest at n = 2.5: of whole numbers at 2 or 3."""
    slowdown = ExponentialSlowdown(kind="exponential", strength=4)
    assert best_concurrency(slowdown, 10) == pytest.approx(3 * np.exp(-1.2))
    assert best_concurrency(None, 10) == 10
    slow = scenario(services={"kv": {"slowdown": {"kind": "exponential", "strength": 4}}})
    assert slow.services["kv"].capacity == pytest.approx(3 * np.exp(-1.2) / 0.1)


def test_keys_are_as_popular_as_declared() -> None:
    pick = UniformKeys(kind="uniform", count=4).sampler(Random(1), "k")
    even = Counter(pick() for _ in range(4000))
    assert sorted(even) == ["k0", "k1", "k2", "k3"]
    assert max(even.values()) < 1000 + 4 * 750**0.5
    draw = ZipfKeys(kind="zipf", count=3, exponent=1.0).sampler(Random(1), "")
    drawn = Counter(draw() for _ in range(11_000))
    assert [drawn[key] for key in "012"] == pytest.approx([6000, 3000, 2000], abs=4 * 2750**0.5)


def test_requests_carry_what_the_client_says_about_them() -> None:
    said = web(priority=3, callers={"kind": "uniform", "count": 1}, keys={"kind": "zipf", "count": 1})
    make = requests_of("web", scenario(clients=said).clients["web"], Random(1))
    assert make is not None
    assert (make().priority, make().caller, make().key) == (3, "web-0", "k0")
    assert requests_of("web", scenario().clients["web"], Random(1)) is None


def test_a_burst_adds_its_requests_at_its_moment_and_changes_no_other() -> None:
    burst = {"kind": "burst", "target": "web", "at": 20, "requests": 50}
    plain, more = (arrival_times(one, "web", 1) for one in (scenario(), scenario(faults=[burst])))
    assert len(more) == len(plain) + 50
    assert np.count_nonzero(more == 20.0) == 50
    assert np.all(np.diff(more) >= 0)
    assert np.array_equal(more[more != 20.0], plain)


def test_each_request_has_an_idempotency_key_of_its_own() -> None:
    make = requests_of("web", scenario(clients=web(idempotency_keys=True)).clients["web"], Random(1))
    assert make is not None
    assert len({make().token for _ in range(1000)}) == 1000
