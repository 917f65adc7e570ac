"""Adaptive limits against the published update rules, written down here a second time and differently."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.effects import PLAIN
from stormlab.errors import InvalidValue
from stormlab.events import LimitChanged
from stormlab.outcome import Outcome, overloaded, refused
from stormlab.policies import AimdLimit, GradientLimit, Timeout, VegasLimit
from stormlab.policies.limit import Aimd, Algorithm, Gradient2, Limiter, Vegas
from tests.policies.bench import FAILED, INVALID, OK, TIMED_OUT, Bench

Sample = tuple[float, int, bool]
samples = st.lists(st.tuples(st.floats(0.001, 10), st.integers(1, 250), st.booleans()), max_size=150)


class Half:
    """The middle of every draw."""

    def random(self) -> float:
        return 0.5

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def feed(algorithm: Algorithm, *fed: Sample) -> float:
    for seconds, in_flight, dropped in fed:
        algorithm.sample(seconds, in_flight, dropped=dropped)
    return algorithm.limit


def test_the_defaults_are_those_of_concurrency_limits() -> None:
    """github.com/Netflix/concurrency-limits: AIMDLimit, VegasLimit, Gradient2Limit."""
    assert AimdLimit() == AimdLimit(initial=20, least=20, most=200, backoff=0.9, timeout=5.0)
    assert VegasLimit() == VegasLimit(initial=20, most=1000, smoothing=1.0)
    assert GradientLimit() == GradientLimit(
        initial=20, least=20, most=200, smoothing=0.2, queue=4, long_window=600, tolerance=1.5
    )


@pytest.mark.parametrize(
    ("initial", "sample", "limit"),
    [
        (100, (0.1, 50, False), 101),
        (100, (0.1, 49, False), 100),
        (100, (0.1, 100, True), 90),
        (100, (5.0, 100, False), 101),
        (100, (5.1, 1, False), 90),
        (21, (0.1, 21, True), 20),
        (200, (0.1, 200, False), 200),
    ],
)
def test_aimd(initial: int, sample: Sample, limit: float) -> None:
    """AIMDLimit.java: ×0.9 (whole) on a drop or over 5 s, +1 when inflight·2 ≥ limit, within [20, 200]."""
    assert feed(Aimd(AimdLimit(initial=initial)), sample) == limit


@pytest.mark.parametrize(
    ("latency", "in_flight", "dropped", "limit"),
    [
        (0.1, 20, False, 26),  # no queue: + beta = 6
        (0.105, 20, False, 26),  # ceil(20·(1 - 1/1.05)) = 1, the threshold
        (0.112, 20, False, 20),  # 3 is neither below alpha nor above beta
        (0.111, 20, False, 21),  # 2 is below alpha = 3: + 1
        (0.14, 20, False, 20),  # 6 = beta: stay
        (0.16, 20, False, 19),  # 8 is above beta: - 1
        (0.1, 20, True, 19),  # dropped: - 1
        (0.1, 9, False, 20),  # less than half in use
        (0.1, 1, True, 19),  # a drop counts all the same
    ],
)
def test_vegas(latency: float, in_flight: int, dropped: bool, limit: float) -> None:  # noqa: FBT001
    """VegasLimit.java with lg 20 = 1: alpha 3, beta 6, threshold 1."""
    assert feed(Vegas(VegasLimit(), Half()), (0.1, 20, False), (latency, in_flight, dropped)) == limit


def test_vegas_steps_with_the_size_of_the_limit() -> None:
    """lg 200 = 2: + beta = 12, - 2; lg 1000 = 3."""
    assert feed(Vegas(VegasLimit(initial=200), Half()), (0.1, 200, False), (0.1, 200, False)) == 212
    assert feed(Vegas(VegasLimit(initial=200), Half()), (0.1, 200, False), (0.2, 200, False)) == 198
    assert feed(Vegas(VegasLimit(initial=1000), Half()), (0.1, 9, False), (0.1, 9, True)) == 997


def test_vegas_measures_the_shortest_latency_anew() -> None:
    """Every probe jitter × 30 × limit samples: 0.75 · 30 · 20 = 450 with the middle of U(0.5, 1)."""
    vegas = Vegas(VegasLimit(), Half())
    feed(vegas, (0.1, 1, False), *[(0.2, 1, False)] * 448)
    assert feed(vegas, (0.2, 20, True)) == 20  # the 450th is the probe and decides nothing
    assert feed(vegas, (0.2, 20, False)) == 26  # 0.2 s is the new shortest: no queue


@given(fed=samples, seed=st.integers(0, 1000), smoothing=st.floats(0.1, 1))
def test_vegas_follows_the_published_rule(fed: list[Sample], seed: int, smoothing: float) -> None:
    config = VegasLimit(smoothing=smoothing, most=60)
    random = Random(seed)
    limit, noload, probes, jitter = 20.0, 0.0, 0, random.uniform(0.5, 1)
    vegas = Vegas(config, Random(seed))
    for rtt, inflight, drop in fed:
        vegas.sample(rtt, inflight, dropped=drop)
        probes += 1
        if jitter * 30 * limit <= probes:
            jitter, probes, noload = random.uniform(0.5, 1), 0, rtt
            continue
        if noload == 0 or rtt < noload:
            noload = rtt
            continue
        lg = max(1, int(math.log10(int(limit))))
        queue = math.ceil(limit * (1 - noload / rtt))
        if drop:
            new = limit - lg
        elif inflight * 2 < limit:
            continue
        elif queue <= lg:
            new = limit + 6 * lg
        elif queue < 3 * lg:
            new = limit + lg
        elif queue > 6 * lg:
            new = limit - lg
        else:
            new = limit
        limit = (1 - smoothing) * limit + smoothing * max(1, min(60, new))
        assert vegas.limit == pytest.approx(limit)


def test_gradient_grows_by_its_queue_while_latency_is_steady() -> None:
    """Gradient2Limit.java: 0.8·20 + 0.2·(20·1 + 4) = 20.8."""
    assert feed(Gradient2(GradientLimit()), (0.1, 20, False)) == pytest.approx(20.8)


def test_gradient_never_cuts_more_than_half() -> None:
    """g = 0.5: 0.8·100 + 0.2·(50 + 4) = 90.8, after ten samples of 0.1 s that only warm the mean up."""
    algorithm = Gradient2(GradientLimit(initial=100))
    feed(algorithm, *[(0.1, 1, False)] * 10)
    assert feed(algorithm, (10.0, 100, False)) == pytest.approx(90.8)


@given(fed=samples)
def test_gradient_follows_the_published_rule(fed: list[Sample]) -> None:
    algorithm = Gradient2(GradientLimit(least=5, initial=30))
    limit, warm, value = 30.0, list[float](), 0.0
    for rtt, inflight, drop in fed:
        algorithm.sample(rtt, inflight, dropped=drop)
        if len(warm) < 10:
            warm.append(rtt)
            value = sum(warm) / len(warm)
        else:
            value = value * (1 - 2 / 601) + rtt * 2 / 601
        long = value
        if long / rtt > 2:
            value *= 0.95
        if inflight >= limit / 2:
            gradient = max(0.5, min(1.0, 1.5 * long / rtt))
            limit = max(5, min(200, limit * 0.8 + 0.2 * (limit * gradient + 4)))
        assert algorithm.limit == pytest.approx(limit)


@given(fed=samples)
@pytest.mark.parametrize(
    ("make", "least", "most"),
    [
        (lambda: Aimd(AimdLimit(initial=30, least=5, most=50)), 5, 50),
        (lambda: Vegas(VegasLimit(most=50), Random(1)), 1, 50),
        (lambda: Gradient2(GradientLimit(initial=30, least=5, most=50)), 5, 50),
    ],
)
def test_limits_stay_in_their_bounds(make: Callable[[], Algorithm], least: int, most: int, fed: list[Sample]) -> None:
    algorithm = make()
    for seconds, in_flight, dropped in fed:
        algorithm.sample(seconds, in_flight, dropped=dropped)
        assert least <= algorithm.limit <= most


class Fixed:
    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.samples: list[Sample] = []

    def sample(self, seconds: float, in_flight: int, *, dropped: bool) -> None:
        self.samples.append((seconds, in_flight, dropped))


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (OK, [(2.0, 1, False)]),
        (overloaded("queue-full"), [(2.0, 1, True)]),
        (TIMED_OUT, [(2.0, 1, True)]),
        (FAILED, []),
        (INVALID, []),
    ],
)
def test_which_endings_are_samples(outcome: Outcome, counted: list[Sample]) -> None:
    algorithm = Fixed(5)
    limiter = Limiter(algorithm)
    permit = limiter.admit(1.0, PLAIN)
    assert permit is not None
    limiter.settle(3.0, permit, outcome)
    assert (algorithm.samples, limiter.in_flight) == (counted, 0)


def test_in_flight_is_that_of_the_start() -> None:
    algorithm = Fixed(5)
    limiter = Limiter(algorithm)
    permits = [limiter.admit(0.0, PLAIN) for _ in range(3)]
    for permit in permits:
        assert permit is not None
        limiter.settle(1.0, permit, OK)
    assert [in_flight for _, in_flight, _ in algorithm.samples] == [1, 2, 3]


@given(moves=st.lists(st.sampled_from(["admit", "settle", "ignore"]), max_size=200), limit=st.floats(1, 9.9))
def test_every_permit_comes_back_and_the_limit_holds(moves: list[str], limit: float) -> None:
    limiter, held = Limiter(Fixed(limit)), list[tuple[float, int]]()
    for now, move in enumerate(moves):
        if move == "admit":
            permit = limiter.admit(now, PLAIN)
            assert (permit is None) == (len(held) >= int(limit))
            held += [permit] if permit is not None else []
        elif held:
            limiter.settle(now, held.pop(), OK) if move == "settle" else limiter.ignore(held.pop())
        assert limiter.in_flight == len(held)


def test_what_a_policy_further_in_refused_is_no_sample() -> None:
    bench = Bench(AimdLimit(initial=20))
    bench.call((9, refused("breaker-open")))
    assert bench.listener.of(LimitChanged) == []


def test_moves_are_told_in_whole_numbers() -> None:
    bench = Bench(AimdLimit(initial=21, least=1), Timeout(seconds=1))
    bench.call((9, OK))
    assert bench.listener.of(LimitChanged) == [(1.0, "here-there", "aimd-limit", 21, 18)]


def test_a_full_limit_refuses() -> None:
    limiter = Limiter(Fixed(1.9))
    assert limiter.admit(0, PLAIN) is not None
    assert limiter.admit(0, PLAIN) is None
    assert limiter.refusal(0).reason == "limit"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: AimdLimit(initial=10), "initial: must be a whole number, 20 or more"),
        (lambda: AimdLimit(most=10), "most: must be a whole number, 20 or more"),
        (lambda: AimdLimit(backoff=2), "backoff: must lie between 0 and 1"),
        (lambda: VegasLimit(smoothing=0), "smoothing: must be a finite number greater than 0"),
        (lambda: GradientLimit(tolerance=0.5), "tolerance: must be 1 or more"),
        (lambda: GradientLimit(long_window=5), "long_window: must be a whole number, 10 or more"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match=problem):
        make()
