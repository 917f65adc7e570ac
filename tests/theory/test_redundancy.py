"""Redundancy formulas against printed values and against chains solved by linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory import redundancy
from stormlab.sim.theory.redundancy import CommonCause, Standby

FAILURE, REPAIR = 1e-3, 0.1


@pytest.mark.parametrize(
    ("needed", "units", "values"),
    [
        (2, 3, (0.972, 0.999702, 0.999997)),
        (3, 5, (0.99144, 0.99999015, 0.99999999)),
        (4, 6, (0.98415, 0.99998045, 0.99999998)),
    ],
)
def test_k_of_n(needed: int, units: int, values: tuple[float, ...]) -> None:
    for availability, value in zip((0.9, 0.99, 0.999), values, strict=True):
        digits = 6 if units == 3 else 8
        assert round(redundancy.k_of_n(needed, units, availability), digits) == value


def test_series_and_parallel() -> None:
    assert redundancy.parallel([0.99] * 3) == pytest.approx(0.999999, abs=1e-15)
    assert redundancy.series([0.99, 0.999999]) == pytest.approx(0.98999901, abs=1e-15)
    assert round(redundancy.series([0.999] * 5), 8) == 0.99500999
    assert round(redundancy.series([0.999] * 10), 8) == 0.99004488
    assert round(redundancy.series([0.9999] * 30), 8) == 0.99700435


@pytest.mark.parametrize(("equal", "value"), [(0.5, 0.5), (0.8, 0.91136), (0.99, 0.99979805)])
def test_bridge_of_equals(equal: float, value: float) -> None:
    assert round(redundancy.bridge(*[equal] * 5), 8) == value
    polynomial = 2 * equal**2 + 2 * equal**3 - 5 * equal**4 + 2 * equal**5
    assert redundancy.bridge(*[equal] * 5) == pytest.approx(polynomial)


def test_bridge_of_five_different_units() -> None:
    assert round(redundancy.bridge(0.9, 0.8, 0.95, 0.85, 0.7), 6) == 0.959435


def test_k_of_n_mttf() -> None:
    assert redundancy.k_of_n_mttf(2, 3, failure_rate=FAILURE) == pytest.approx(5 / (6 * FAILURE))
    assert redundancy.k_of_n_mttf(1, 2, failure_rate=FAILURE) == pytest.approx(1_500)


def test_two_unit_mttf() -> None:
    hot, cold = Standby.HOT, Standby.COLD
    assert redundancy.two_unit_mttf(hot, failure_rate=FAILURE, repair_rate=REPAIR) == pytest.approx(51_500)
    assert redundancy.two_unit_mttf(hot, failure_rate=FAILURE) == pytest.approx(1_500)
    assert redundancy.two_unit_mttf(cold, failure_rate=FAILURE, repair_rate=REPAIR) == pytest.approx(102_000)
    assert redundancy.two_unit_mttf(cold, failure_rate=FAILURE) == pytest.approx(2_000)
    assert redundancy.two_of_three_mttf(failure_rate=FAILURE, repair_rate=REPAIR) == pytest.approx(17_500)


@pytest.mark.parametrize(
    ("standby", "crews", "printed"),
    [
        (Standby.HOT, 1, "1.960400e-04"),
        (Standby.HOT, 2, "9.802960e-05"),
        (Standby.COLD, 1, "9.900010e-05"),
        (Standby.COLD, 2, "4.950250e-05"),
    ],
)
def test_two_unit_unavailability(standby: Standby, crews: int, printed: str) -> None:
    value = redundancy.two_unit_unavailability(standby, failure_rate=FAILURE, repair_rate=REPAIR, crews=crews)
    assert f"{value:.6e}" == printed


@pytest.mark.parametrize("standby", list(Standby))
@pytest.mark.parametrize("crews", [1, 2])
def test_two_units_against_their_chain(standby: Standby, crews: int) -> None:
    failing = [2 * FAILURE if standby is Standby.HOT else FAILURE, FAILURE]
    rates = np.array([[0, failing[0], 0], [REPAIR, 0, failing[1]], [0, REPAIR * crews, 0]])
    rates -= np.diag(rates.sum(axis=1))
    balance = np.vstack([rates.T[:2], np.ones(3)])
    both_down = np.linalg.solve(balance, [0, 0, 1])[2]
    until_down = np.linalg.solve(rates[:2, :2], [-1, -1])[0]
    case = {"failure_rate": FAILURE, "repair_rate": REPAIR}
    assert redundancy.two_unit_unavailability(standby, crews=crews, **case) == pytest.approx(both_down)
    assert redundancy.two_unit_mttf(standby, **case) == pytest.approx(until_down)


def test_two_of_three_mttf_against_its_chain() -> None:
    rates = np.array([[-3 * FAILURE, 3 * FAILURE], [REPAIR, -REPAIR - 2 * FAILURE]])
    expected = np.linalg.solve(rates, [-1, -1])[0]
    assert redundancy.two_of_three_mttf(failure_rate=FAILURE, repair_rate=REPAIR) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("beta", "printed"),
    [(0, "1.00e-04"), (0.01, "1.98e-04"), (0.05, "5.90e-04"), (0.1, "1.081e-03"), (0.2, "2.064e-03")],
)
def test_common_cause(beta: float, printed: str) -> None:
    digits = len(printed.split("e")[0]) - 2
    assert f"{CommonCause(beta=beta).unavailability(2, 0.01):.{digits}e}" == printed


def test_common_cause_dwarfs_independence_of_good_units() -> None:
    shared = CommonCause(beta=0.1).unavailability(2, 0.001)
    assert f"{shared:.3e}" == "1.008e-04"
    assert round(shared / 0.001**2) == 101


def test_unit_availability() -> None:
    assert redundancy.unit_availability(mttf=999, mttr=1) == pytest.approx(0.999)


def test_refusals() -> None:
    with pytest.raises(BadInput, match=r"availability 2 is 1\.5"):
        redundancy.series([0.9, 1.5])
    with pytest.raises(BadInput, match="units is 2; give a whole number of at least 3"):
        redundancy.k_of_n_mttf(3, 2, failure_rate=1)
