"""Measures of series made by hand have the values one computes by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.scenario.measures import all_measures, bins, measure
from stormlab.scenario.model import Scenario
from stormlab.scenario.series import Series
from tests.scenario.building import SPIKE, filled, scenario, series


def faulty(at: float, lasting: float | None, duration: float = 100, warmup: float = 5) -> Scenario:
    return scenario(
        run={"duration": duration, "warmup": warmup}, faults=[{**SPIKE, "at": at, "for": lasting}], expect=[]
    )


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (faulty(20, 10), {"baseline": (5, 20), "fault": (20, 30), "after": (40, 100), "end": (88, 100)}),
        (faulty(20.5, 9.2), {"baseline": (5, 20), "fault": (20, 30), "after": (40, 100), "end": (88, 100)}),
        (faulty(20, None), {"baseline": (5, 20), "fault": (20, 100), "after": (100, 100), "end": (84, 100)}),
        (faulty(20, 70), {"baseline": (5, 20), "fault": (20, 90), "after": (95, 100), "end": (95, 100)}),
        (faulty(4, 6), {"baseline": (2, 4), "fault": (4, 10), "after": (20, 100), "end": (84, 100)}),
        (faulty(1, 1), {"baseline": (0, 1), "fault": (1, 2), "after": (12, 100), "end": (83, 100)}),
        (faulty(20, 10, 60.7), {"baseline": (5, 20), "fault": (20, 30), "after": (40, 60), "end": (50, 60)}),
        (scenario(), {"baseline": (5, 100), "fault": (5, 100), "after": (5, 100), "end": (5, 100)}),
        (scenario(run={"duration": 0.5}), {"baseline": (0, 1), "fault": (0, 1), "after": (0, 1), "end": (0, 1)}),
    ],
)
def test_windows(described: Scenario, expected: dict[Any, tuple[int, int]]) -> None:
    assert {window: bins(described, window) for window in expected} == expected


def test_a_window_in_seconds_covers_every_bin_it_touches() -> None:
    assert bins(scenario(), (10.5, 12.5)) == (10, 13)


@pytest.fixture
def stormy() -> tuple[Series, Scenario]:
    """From 30 s on, every request is sent three times and a quarter of them succeeds."""
    late = (30, 100)
    made = series(
        attempts=filled(100, 60, {late: 180}),
        goodput=filled(100, 60, {late: 15}),
        succeeded=filled(100, 60, {late: 15}),
        service__kv__queue=filled(100, 2, {late: 50}),
        latency__p95=filled(100, 0.3, {late: np.nan}),
    )
    return made, scenario(faults=[SPIKE])


@pytest.mark.parametrize(
    ("name", "baseline", "after"),
    [
        ("offered", 60, 60),
        ("attempts", 60, 180),
        ("goodput", 60, 15),
        ("goodput_ratio", 1, 0.25),
        ("success_ratio", 1, 0.25),
        ("attempts_per_request", 1, 3),
        ("latency_p50", 0.1, 0.1),
        ("latency_p95", 0.3, math.nan),
        ("queue", 2, 50),
    ],
)
def test_measures(stormy: tuple[Series, Scenario], name: str, baseline: float, after: float) -> None:
    assert measure(name, *stormy, "baseline") == pytest.approx(baseline)
    assert measure(name, *stormy, "after") == pytest.approx(after, nan_ok=True)


def test_nothing_offered_has_no_ratio_and_an_empty_window_no_measure(stormy: tuple[Series, Scenario]) -> None:
    empty = series(offered=filled(100, 0), attempts=filled(100, 0), goodput=filled(100, 0), succeeded=filled(100, 0))
    for name in ("goodput_ratio", "success_ratio", "attempts_per_request"):
        assert math.isnan(measure(name, empty, scenario(), "after"))
    endless = scenario(faults=[{**SPIKE, "for": None}])
    assert all(math.isnan(value) for value in all_measures(series(), endless)["after"].values())


def test_queues_that_were_not_sampled_count_for_nothing() -> None:
    assert measure("queue", series(service__db__queue=filled(100, math.nan)), scenario(), "after") == 2


def test_an_unknown_measure_is_refused_with_the_known_ones(stormy: tuple[Series, Scenario]) -> None:
    with pytest.raises(BadInput, match="no measure 'godput'; did you mean 'goodput'"):
        measure("godput", *stormy, "after")
