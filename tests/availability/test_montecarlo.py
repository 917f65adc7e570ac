"""Simulation inside its 99 % interval around the exact value; seeds are fixed, so a failure is a change."""

from __future__ import annotations

import pytest

from stormlab.availability import evaluate, parse
from stormlab.availability.montecarlo import Repair, simulate, time_to_failure
from stormlab.errors import BadInput
from stormlab.sim.theory import redundancy
from stormlab.sim.theory.redundancy import Standby

HOUR = 3600.0
UNIT = "unit(mttf=1000h, mttr=10h)"

ARRANGEMENTS = [
    f"series({UNIT}, {UNIT})",
    f"parallel(2 * {UNIT})",
    f"kofn(2, 3 * {UNIT})",
    "bridge(0.9, 0.8, 0.95, 0.85, 0.7)",
    "parallel(0.9, 0.9, 0.9, beta=0.1)",
    "lb = 0.99; db = 0.95; series(lb, parallel(series(0.9, db), series(0.8, db)), kofn(2, 3 * 0.9))",
]


@pytest.mark.parametrize("repair", list(Repair))
@pytest.mark.parametrize("text", ARRANGEMENTS)
def test_availability_with_either_kind_of_repair(text: str, repair: Repair) -> None:
    expression = parse(text)
    years = 20 if "unit" in text else 0.3
    result = simulate(expression, years=years, seed=1, runs=100, repair=repair)
    exact = evaluate(expression)
    assert result.availability.low < exact < result.availability.high
    assert result.availability.half_width < 0.2 * (1 - exact)


def test_failures_of_a_single_unit_come_once_per_cycle() -> None:
    result = simulate(parse(UNIT), years=20, seed=2, runs=100)
    per_year = 365.25 * 24 / 1010
    assert result.failures_per_year.low < per_year < result.failures_per_year.high


def test_two_hot_units_fail_as_often_as_the_chain_says() -> None:
    result = simulate(parse(f"parallel(2 * {UNIT})"), years=100, seed=3, runs=100)
    both_down = redundancy.two_unit_unavailability(Standby.HOT, failure_rate=1e-3, repair_rate=0.1, crews=2)
    per_year = both_down * 2 * 0.1 * 365.25 * 24
    assert result.failures_per_year.low < per_year < result.failures_per_year.high
    assert result.unavailability.low < both_down < result.unavailability.high


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        (f"parallel(2 * {UNIT})", redundancy.two_unit_mttf(Standby.HOT, failure_rate=1e-3, repair_rate=0.1)),
        (f"kofn(2, 3 * {UNIT})", redundancy.two_of_three_mttf(failure_rate=1e-3, repair_rate=0.1)),
        (
            "parallel(2 * unit(mttf=1000h, mttr=1e12h))",
            redundancy.two_unit_mttf(Standby.HOT, failure_rate=1e-3),
        ),
    ],
)
def test_time_to_first_failure(text: str, hours: float) -> None:
    result = time_to_failure(parse(text), seed=4, runs=2_000)
    assert result.low < hours * HOUR < result.high
    assert result.half_width < 0.07 * hours * HOUR


def test_a_common_cause_undoes_redundancy() -> None:
    shared = simulate(parse("parallel(0.99, 0.99, beta=0.1)"), years=20, seed=5, runs=100).unavailability
    alone = simulate(parse("parallel(0.99, 0.99)"), years=20, seed=5, runs=100).unavailability
    assert shared.low > 5 * alone.high


def test_the_same_seed_gives_the_same_histories() -> None:
    first, again, other = (simulate(parse("parallel(0.9, 0.9)"), years=0.1, seed=seed, runs=20) for seed in (6, 6, 7))
    assert first == again
    assert first != other


def test_components_that_never_or_always_fail() -> None:
    result = simulate(parse("series(1, 0.9)"), years=0.5, seed=8, runs=50)
    assert result.availability.low < 0.9 < result.availability.high
    assert simulate(parse("series(0, 0.9)"), years=0.1, seed=8, runs=20).availability.mean == 0
    assert simulate(parse("1"), years=1, seed=8, runs=20).unavailability.mean == 0


def test_interval_is_students() -> None:
    narrow, wide = (
        simulate(parse("0.9"), years=0.1, seed=9, runs=20, confidence=confidence).availability.half_width
        for confidence in (0.95, 0.99)
    )
    assert wide / narrow == pytest.approx(2.8609 / 2.0930, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: simulate(parse("0.9"), years=1, seed=1, runs=2), "runs is 2; give at least 20"),
        (lambda: simulate(parse("0.9"), years=-1, seed=1), "give a finite number of years above 0"),
        (lambda: simulate(parse("0.9"), years=1e9, seed=1), "simulate less"),
        (lambda: simulate(parse("0.9"), years=0.01, seed=1, confidence=1.0), "confidence is 1"),
        (lambda: time_to_failure(parse("1"), seed=1), "no failure"),
    ],
)
def test_refusals(call: object, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        call()  # type: ignore[operator]
