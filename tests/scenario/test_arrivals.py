"""Arrivals are seeded, ascending, and as many per second as the scenario says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stormlab.scenario.arrivals import arrival_times, load_factor
from tests.scenario.building import CLOSED, SPIKE, scenario, web


def count(times: Any, start: float, end: float) -> int:
    return int(((times >= start) & (times < end)).sum())


def test_poisson_counts_are_within_four_standard_deviations_for_every_seed() -> None:
    plain = scenario()
    counts = np.array([len(arrival_times(plain, "web", seed)) for seed in range(100)])
    assert np.abs(counts - 6000).max() < 4 * np.sqrt(6000)
    assert counts.mean() == pytest.approx(6000, abs=4 * np.sqrt(6000 / 100))
    assert counts.std() == pytest.approx(np.sqrt(6000), rel=0.25)


def test_gaps_are_exponential() -> None:
    gaps = np.diff(arrival_times(scenario(run={"duration": 1000}), "web", 1))
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.03)


def test_the_same_seed_gives_the_same_times_and_another_seed_others() -> None:
    plain = scenario()
    assert np.array_equal(arrival_times(plain, "web", 1), arrival_times(plain, "web", 1))
    assert not np.array_equal(arrival_times(plain, "web", 1)[:50], arrival_times(plain, "web", 2)[:50])


def test_another_client_changes_nobody_elses_arrivals() -> None:
    more = scenario(clients={"cron": {"target": "kv", "arrivals": {"kind": "poisson", "rate": 5}}})
    assert np.array_equal(arrival_times(scenario(), "web", 1), arrival_times(more, "web", 1))


def test_a_spike_multiplies_its_time_and_leaves_what_was_before() -> None:
    calm, spiky = arrival_times(scenario(), "web", 1), arrival_times(scenario(faults=[SPIKE]), "web", 1)
    assert np.array_equal(calm[calm < 20], spiky[spiky < 20])
    assert count(spiky, 20, 30) == pytest.approx(1800, abs=4 * np.sqrt(1800))
    assert count(spiky, 30, 100) == pytest.approx(4200, abs=4 * np.sqrt(4200))


def test_spikes_that_overlap_multiply_and_an_endless_one_lasts() -> None:
    both = scenario(faults=[SPIKE, {**SPIKE, "at": 25, "for": None, "factor": 2}])
    assert [load_factor(both, "web", at) for at in (19.9, 20, 25, 29.9, 30, 99)] == [1, 3, 6, 6, 2, 2]


@pytest.mark.parametrize("kind", ["poisson", "paced"])
def test_a_shape_gives_each_segment_its_mean_rate(kind: str) -> None:
    shaped = scenario(
        clients=web(arrivals={"kind": kind, "rate": 60}, shape=[[0, 1], [40, 1], [40, 2], [60, 0], [80, 0], [100, 1]])
    )
    times = arrival_times(shaped, "web", 3)
    for start, end, expected in [(0, 40, 2400), (40, 60, 1200), (60, 80, 0), (80, 100, 600)]:
        slack = 1 if kind == "paced" else 4 * np.sqrt(expected)
        assert count(times, start, end) == pytest.approx(expected, abs=slack)


def test_paced_arrivals_are_evenly_spaced() -> None:
    times = arrival_times(scenario(clients=web(arrivals={"kind": "paced", "rate": 4})), "web", 1)
    assert times[0] == pytest.approx(0.125)
    assert np.diff(times) == pytest.approx(0.25)
    assert len(times) == 400


def test_a_trace_is_played_as_recorded_up_to_the_end_of_the_run() -> None:
    recorded = scenario(clients=web(arrivals={"kind": "trace", "times": [0, 1.5, 1.5, 99.9, 100, 200]}))
    assert arrival_times(recorded, "web", 1).tolist() == [0, 1.5, 1.5, 99.9]


def test_a_closed_loop_has_no_times_of_its_own() -> None:
    assert arrival_times(scenario(clients=web(arrivals=CLOSED)), "web", 1).size == 0


def test_a_spike_in_the_middle_of_a_flat_stretch_of_zero_demand_is_nothing() -> None:
    silent = scenario(clients=web(shape=[[0, 0]]), faults=[SPIKE])
    assert arrival_times(silent, "web", 1).size == 0


@given(
    rate=some.floats(0.01, 200),
    duration=some.floats(1, 60),
    seed=some.integers(0, 2**63 - 1),
    kind=some.sampled_from(["poisson", "paced"]),
    shape=some.lists(some.tuples(some.floats(0, 80), some.floats(0, 3)), max_size=4).map(
        lambda points: sorted(points, key=lambda point: point[0])
    ),
)
def test_arrivals_ascend_within_the_run(rate: float, duration: float, seed: int, kind: str, shape: list[Any]) -> None:
    plain = scenario(run={"duration": duration}, clients=web(arrivals={"kind": kind, "rate": rate}, shape=shape))
    times = arrival_times(plain, "web", seed)
    assert (np.diff(times) >= 0).all()
    assert times.size == 0 or (times[0] >= 0 and times[-1] < duration)
