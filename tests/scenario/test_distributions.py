"""Service times have the mean and the spread they state."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from stormlab.errors import InvalidValue
from stormlab.scenario.distributions import Distribution, Exponential, Fixed, LogNormal, Uniform

CASES: list[tuple[Distribution, float]] = [
    (Fixed(mean=0.2), 0.0),
    (Exponential(mean=0.2), 1.0),
    (LogNormal(mean=0.2, cv=0.5), 0.5),
    (LogNormal(mean=0.2, cv=1.5), 1.5),
    (Uniform(low=0.1, high=0.3), 0.2 / math.sqrt(12) / 0.2),
]


@pytest.mark.parametrize(("distribution", "cv"), CASES, ids=str)
def test_samples_have_the_stated_mean_and_coefficient_of_variation(distribution: Distribution, cv: float) -> None:
    draw = distribution.sampler(Random(7))
    sample = np.array([draw() for _ in range(60_000)])
    assert distribution.mean == pytest.approx(0.2)
    assert sample.mean() == pytest.approx(0.2, rel=0.02)
    assert sample.std() / sample.mean() == pytest.approx(cv, rel=0.05, abs=1e-9)
    assert sample.min() >= 0


@pytest.mark.parametrize(("distribution", "_cv"), CASES, ids=str)
def test_scaling_scales_the_mean_and_keeps_the_shape(distribution: Distribution, _cv: float) -> None:
    usual, scaled = distribution.sampler(Random(3)), distribution.scaled(2.5).sampler(Random(3))
    assert [scaled() for _ in range(20)] == pytest.approx([2.5 * usual() for _ in range(20)])


def test_the_written_form_is_what_services_take_on_their_command_line() -> None:
    assert [str(distribution) for distribution, _ in CASES] == [
        "fixed:0.2",
        "exponential:0.2",
        "lognormal:0.2:0.5",
        "lognormal:0.2:1.5",
        "uniform:0.1:0.3",
    ]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Fixed(mean=-0.1), "mean"),
        (lambda: Exponential(mean=0), "mean"),
        (lambda: Exponential(mean=math.inf), "mean"),
        (lambda: LogNormal(mean=1, cv=0), "cv"),
        (lambda: Uniform(low=-1, high=1), "low"),
        (lambda: Uniform(low=2, high=1), "high"),
    ],
)
def test_values_out_of_range_are_refused_by_name(make: object, field: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidValue) as caught:
        make()
    assert caught.value.field == field
