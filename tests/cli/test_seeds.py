"""How many seeds are enough: printed quantiles, coverage of the sequential procedure, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import t as students

from stormlab.api import seeds
from stormlab.errors import BadInput
from stormlab.scenario.estimate import student
from tests.cli.conftest import Call


def test_wilsons_interval_for_known_shares() -> None:
    """81 of 263: 0.2553 to 0.3662; none of 20: 0 to 0.1611 (Newcombe, Statistics in Medicine 17, 1998, table I)."""
    for found, interval in ((seeds.share(81, 263), (0.2553, 0.3662)), (seeds.share(0, 20), (0.0, 0.1611))):
        assert (found.low, found.high) == pytest.approx(interval, abs=5e-5)


def test_students_quantile() -> None:
    for freedom in (1, 2, 5, 9, 10, 11, 15, 30, 100, 1000):
        assert student(freedom) == pytest.approx(students.ppf(0.975, freedom), rel=1e-4)
    for freedom in (10, 30, 1000):
        assert student(freedom, 0.99) == pytest.approx(students.ppf(0.995, freedom), rel=1e-3)
    with pytest.raises(BadInput, match=r"confidence is 1; give a fraction"):
        student(9, 1.0)


@pytest.mark.parametrize("chance", [0.03, 0.3, 0.5, 0.9])
def test_the_interval_of_a_share_covers_it(chance: float) -> None:
    """95 % of 1,000 sequential studies, less what stopping early costs: 0.925 is 3.6 standard errors below 0.95."""
    draws = np.random.default_rng(5)
    covered, used = 0, []
    for _ in range(1000):
        runs = (draws.random(500) < chance).astype(float)
        found = seeds.sufficient(lambda n, runs=runs: runs[n], seeds.share_of, within=0.1, most=500)  # type: ignore[misc]
        covered += found.low <= chance <= found.high
        used.append(found.n)
    assert covered / 1000 > 0.925
    assert max(used) < 120
    assert 0.5 < np.mean(used) / max(seeds.Z**2 * chance * (1 - chance) / 0.01, 22) < 1.5, "about as many as planned"


def test_the_interval_of_a_mean_covers_it() -> None:
    draws = np.random.default_rng(6)
    covered = 0
    for _ in range(250):
        runs = draws.gamma(4.0, 0.25, 500)
        found = seeds.sufficient(lambda n, runs=runs: runs[n], seeds.mean, within=0.15, most=500)  # type: ignore[misc]
        covered += found.low <= 1.0 <= found.high
        assert found.half_width <= 0.15
    assert covered / 250 > 0.88, "Chow and Robbins stop a little too soon: about 0.93"


def test_half_the_width_takes_four_times_the_seeds() -> None:
    runs = (np.random.default_rng(7).random(5000) < 0.4).astype(float)
    wide, narrow = (
        seeds.sufficient(lambda n: runs[n], seeds.share_of, within=within, most=5000).n for within in (0.1, 0.05)
    )
    assert 3.5 < narrow / wide < 4.5


def test_the_command_says_how_many(call: Call, scenario: object) -> None:
    answer = call("seeds", scenario, "--measure", "goodput_ratio", "--within", "0.05", "--engine", "simpy", "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.output.splitlines()[-1])
    assert found["seeds"] >= seeds.LEAST
    assert found["half_width"] <= 0.05
    assert found["interval"][0] < 1.0 < found["interval"][1] + 0.05


def test_too_few_are_said_to_be_too_few(call: Call, scenario: object) -> None:
    choice = ["--verdict", "metastable", "--within", "0.01", "--most", "10", "--engine", "simpy"]
    answer = call("seeds", scenario, *choice)
    assert (answer.exit_code, "10 seeds are not enough" in answer.output) == (1, True)


def test_bad_input_is_refused(call: Call, scenario: object) -> None:
    for words, said in (
        ([], "say what has to be known"),
        (["--measure", "nonsense", "--engine", "simpy"], "a run of this scenario has"),
        (["--verdict", "recovered", "--within", "0"], "half-width above 0"),
    ):
        answer = call("seeds", scenario, *words)
        assert (answer.exit_code, said in answer.output) == (2, True), answer.output
    with pytest.raises(BadInput, match="two values"):
        seeds.mean([1.0])
