"""The kernel against the SimPy world: the same run with the same random numbers, the same distribution with others."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from numba import njit
from scipy.stats import ks_2samp

from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.demand import load_factors
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.streams import stream
from stormlab.sim import fast, run
from stormlab.sim.fast import records, setup
from stormlab.sim.fast.chance import uniform
from tests.sim.fast.small import (
    CLOSED,
    EXACT,
    EXPONENTIAL,
    FIXED,
    GATES,
    LIMIT,
    RANDOM,
    SLOW_DATABASE,
    asking,
    cached,
    retry,
    scenario,
)

#: Log-normal times, and which of two errors it is, are drawn in another way, and compared in distribution only.
OTHERWISE_DRAWN = ("equal jitter", "errors of two kinds")
SAME = EXACT | {name: one for name, one in RANDOM.items() if name not in OTHERWISE_DRAWN}


@njit(cache=True)
def uniforms(streams: Any, which: int, count: int) -> Any:
    """So many numbers of one of the kernel's streams; they move on."""
    return np.array([uniform(streams, which) for _ in range(count)])


def drawn(seed: int, which: int) -> Iterator[float]:
    """All numbers of one of the kernel's streams."""
    streams = setup.streams_of(seed)
    while True:
        yield from uniforms(streams.ctypes.data, which, 1000).tolist()


class Shared(Random):
    """Draws what the kernel draws from its stream ``which``."""

    def __init__(self, seed: int, which: int) -> None:
        super().__init__()
        self._numbers = drawn(seed, which)

    def random(self) -> float:
        return next(self._numbers)


def kernel_stream(scenario: Scenario, names: tuple[str, ...]) -> int | None:
    """The kernel's stream for what the SimPy world calls by these names."""
    ((name, client),) = scenario.clients.items()
    front, back = client.target, next((call.target for call in scenario.services[client.target].calls), "")
    return {
        ("service", front): records.FRONT,
        ("service", front, "faults"): records.FRONT_FAULTS,
        ("service", back): records.BACK,
        ("service", back, "faults"): records.BACK_FAULTS,
        ("service", front, "cache", "0"): records.JITTER,
        ("client", name, "policies"): records.POLICIES,
        ("client", name, "think"): records.THINK,
        ("client", name, "edge"): records.EDGE,
        ("client", name, "keys"): records.KEYS,
        ("flush",): records.FLUSH,
    }.get(names)


def assert_same(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> None:
    """Let the SimPy world draw the numbers that the kernel draws: they play the same run."""

    def shared(seed: int, *names: str) -> Random:
        which = kernel_stream(scenario, names)
        return stream(seed, *names) if which is None else Shared(seed, which)

    monkeypatch.setattr("stormlab.sim.world.stream", shared)
    monkeypatch.setattr("stormlab.sim.incident.stream", shared)
    slow, quick = run(scenario, seed=3), fast.run(scenario, seed=3)
    assert slow.series["attempts"].sum() > 600
    for column in slow.series.columns:
        np.testing.assert_allclose(quick.series[column], slow.series[column], rtol=1e-9, err_msg=column)
    assert quick.verdict == slow.verdict
    assert len(quick.calls) == len(slow.calls)
    assert {call.ending for call in quick.calls} == {call.ending for call in slow.calls}


@pytest.mark.parametrize("name", SAME)
def test_it_is_the_same_run_with_the_same_random_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(monkeypatch, SAME[name])


#: Its clients fail together, and come back together at the very moment of a count: no engine promises which is first.
TIE = ("come-back-together", "")


def known_variants() -> list[tuple[str, str]]:
    """Every scenario of the package that the kernel knows, with its variants."""
    everything = [(name, variant) for name in loader.catalogue() for variant in ("", *loader.read(name).variants)]
    return [(name, variant) for name, variant in everything if fast.misfit(loader.load(name, variant=variant)) is None]


KNOWN = known_variants()


def test_it_knows_scenarios_of_many_kinds() -> None:
    assert len(KNOWN) > 40
    assert {"retry-storm", "cache-flush", "look-aside", "gc-death-spiral", "pool-exhaustion"} <= {
        one for one, _ in KNOWN
    }


@pytest.mark.parametrize(("name", "variant"), [one for one in KNOWN if one != TIE])
def test_a_scenario_that_it_knows_is_the_same_run(name: str, variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(monkeypatch, loader.load(name, variant=variant))


def measures(result: Result) -> dict[str, float]:
    series = result.series
    waited = [name for name in series.columns if name.endswith((".wasted", ".queue", ".hit_ratio"))]
    return {
        **{name: np.nanmean(series[name]) for name in waited},
        "attempts": series["attempts"].sum(),
        "succeeded": series["succeeded"].sum(),
        "timeouts": series["failed.timeout"].sum(),
        "overloaded": series["failed.overloaded"].sum(),
        "errors": series["failed.error"].sum(),
        "in the fault": series["succeeded"][8:12].sum(),
        "p99": series.latency(2, 25, 0.99),
        "mean latency": float(np.concatenate(series.latencies).mean()),
    }


@pytest.mark.parametrize(
    ("users", "factor", "shape"),
    [
        (201, 1.5, ()),
        (41, 1.0, ((0, 1), (12, 4), (18, 1))),
        (20, 10.0, ((0, 1), (20, 3))),
        (1, 1.0, ((0, 0.6), (9, 0.2))),
    ],
)
def test_there_is_room_for_every_user_that_comes(
    users: int, factor: float, shape: tuple[tuple[float, float], ...]
) -> None:
    spike = {"kind": "load-spike", "target": "web", "at": 5, "for": 5, "factor": factor}
    one = scenario(LIMIT, arrivals={**CLOSED, "users": users}, shape=shape, faults=(spike,))
    moments = np.linspace(0, one.run.duration, 2501)
    most = np.rint(users * load_factors(one, "web", moments)).max()
    assert len(setup.world_of(one, seed=1).arrays["clients"]) >= most


@pytest.mark.parametrize("name", RANDOM)
def test_its_results_are_distributed_alike_over_seeds(name: str) -> None:
    slow = [measures(run(RANDOM[name], seed=seed)) for seed in range(100)]
    quick = [measures(fast.run(RANDOM[name], seed=seed)) for seed in range(1000, 1300)]
    chances = {key: ks_2samp([one[key] for one in slow], [one[key] for one in quick]).pvalue for key in slow[0]}
    assert min(chances.values()) > 0.001, chances


def test_a_kernel_with_another_timeout_would_be_told_apart() -> None:
    name = "full jitter"
    longer = {"kind": "timeout", "seconds": 0.6}
    other = scenario(retry({"kind": "full-jitter", "base": 0.3}), longer, service_time=EXPONENTIAL)
    slow = [measures(run(RANDOM[name], seed=seed)) for seed in range(100)]
    quick = [measures(fast.run(other, seed=seed)) for seed in range(1000, 1300)]
    assert min(ks_2samp([one[key] for one in slow], [one[key] for one in quick]).pvalue for key in slow[0]) < 0.001


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("metastable-retry", "'replicas' of services.server"),
        ("retries-in-a-chain", "a service and at most one that it calls, not 3 services"),
        ("noisy-neighbour", "one client, not 2"),
        ("lb-sinkhole", "'replicas' of services.server"),
    ],
)
def test_what_it_does_not_know_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        fast.run(loader.load(name))


FAULTS = (SLOW_DATABASE,)
UNKNOWN = {
    "'bulkhead'": scenario({"kind": "bulkhead"}, LIMIT),
    "order": scenario(LIMIT, retry(FIXED)),
    "'codel'": scenario(queue={"discipline": "codel"}),
    "one call": asking(faults=FAULTS, calls=[{"target": "db"}, {"target": "db"}]),
    "one timeout": asking(faults=FAULTS, call={"policies": [retry(FIXED), LIMIT]}),
    "'fan_out'": asking(faults=FAULTS, call={"fan_out": 2}),
    "has room for 1,000,000 at most, not 1,000,000,000 (services.kv.workers)": scenario(workers=10**9),
    "room for 1,000,000 at most, not 5,000,000 (workers of": scenario(
        faults=({"kind": "capacity", "target": "kv", "at": 8, "workers": 5_000_000},)
    ),
    "(clients.web.policies: window)": scenario({**GATES["share"], "window": 10**9}),
    "'lasting'": cached(faults=({"kind": "flush", "target": "kv", "at": 8, "for": 3},)),
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_what_it_does_not_know_is_named(reason: str) -> None:
    assert reason in str(fast.misfit(UNKNOWN[reason]))


def test_what_it_knows_is_not_refused() -> None:
    assert fast.misfit(scenario(retry(FIXED), LIMIT)) is None
