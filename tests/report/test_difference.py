"""The test for better or worse: right about equals 19 times in 20, and sharp enough for a tenth at p99."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from stormlab.errors import BadInput
from stormlab.report.difference import (
    Change,
    Difference,
    RunSet,
    conclusion,
    differences,
    holm,
    permutation_p,
    read,
)
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result, write
from stormlab.sim import run


def steady(*, mean: float, duration: int, rate: int) -> Scenario:
    """Ten workers that hardly ever queue: the latency is the service time, of ``mean`` s."""
    return Scenario.model_validate(
        {
            "title": "steady",
            "run": {"duration": duration, "warmup": 0},
            "services": {"kv": {"workers": 10, "service_time": {"kind": "exponential", "mean": mean}}},
            "clients": {"web": {"target": "kv", "arrivals": {"kind": "poisson", "rate": rate}}},
        }
    )


def as_set(results: list[Result]) -> RunSet:
    windows = ("baseline", "fault", "after")
    names = ("goodput", "success_ratio", "attempts_per_request", "latency_p50", "latency_p99")
    values = {(name, w): np.array([one.measures[w][name] for one in results]) for w in windows for name in names}
    return RunSet(path=Path(), runs=len(results), void=0, values=values)


@pytest.fixture(scope="module")
def bank() -> list[Result]:
    scenario = steady(mean=0.1, duration=10, rate=20)
    return [run(scenario, seed=seed) for seed in range(400)]


def test_equals_differ_at_most_once_in_twenty(bank: list[Result]) -> None:
    groups = [bank[start : start + 10] for start in range(0, 400, 10)]
    found = [conclusion(differences(as_set(a), as_set(b))) for a, b in zip(groups[::2], groups[1::2], strict=True)]
    assert len(found) == 20 and found.count("No difference") >= 19


def test_a_tenth_more_at_the_99th_percentile_is_found() -> None:
    """Twenty runs of 2400 requests on each side: the standard deviation of a run's p99 is 4.5 %."""
    before, after = (
        [run(steady(mean=mean, duration=60, rate=40), seed=first + n) for n in range(40)]
        for mean, first in ((0.1, 0), (0.11, 1000))
    )
    draw = np.random.default_rng(7)

    def twenty(results: list[Result]) -> RunSet:
        return as_set([results[index] for index in draw.permutation(40)[:20]])

    trials = [differences(twenty(before), twenty(after)) for _ in range(20)]
    changes = [{(one.measure, one.window): one.change for one in trial} for trial in trials]
    assert [one["latency_p99", "baseline"] for one in changes].count(Change.WORSE) > 18


def test_p_is_that_of_all_arrangements() -> None:
    one, other = np.array([1.0, 2, 3, 10]), np.array([4.0, 5, 6, 7, 8])
    together = [*one, *other]
    observed = abs(one.mean() - other.mean())
    strays = [
        abs(np.mean([together[i] for i in chosen]) - np.mean([together[i] for i in range(9) if i not in chosen]))
        for chosen in combinations(range(9), 4)
    ]
    exact = np.mean([stray >= observed - 1e-12 for stray in strays])
    assert permutation_p(one, other, np.random.default_rng(1)) == pytest.approx(exact, abs=0.01)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("measure", "second", "change"),
    [
        ("goodput", 2.0, Change.BETTER),
        ("goodput", 0.5, Change.WORSE),
        ("latency_p99", 2.0, Change.WORSE),
        ("attempts_per_request", 0.5, Change.BETTER),
    ],
)
def test_each_measure_has_its_better_side(measure: str, second: float, change: Change) -> None:
    def made(level: float) -> RunSet:
        values = {(measure, "after"): level + np.linspace(0, 0.1, 8)}
        return RunSet(path=Path(), runs=8, void=0, values=values)

    (found,) = differences(made(1.0), made(second))
    assert found.change is change and found.p < 0.01
    assert found.relative == pytest.approx((second + 0.05) / 1.05 - 1)


def test_the_sentence_names_what_is_worse_first() -> None:
    def one(measure: str, change: Change) -> Difference:
        return Difference(measure=measure, window="after", before=1, after=2, p=0.01, change=change)

    found = [one("goodput", Change.BETTER), one("latency_p99", Change.WORSE), one("latency_p50", Change.NONE)]
    assert conclusion(found) == "Worse: latency_p99 (after); better: goodput (after)"


def test_what_runs_wrote_is_read_back(bank: list[Result], tmp_path: Path) -> None:
    for result in bank[:8]:
        write(result, tmp_path / f"sim-seed-{result.seed}")
    verdict = tmp_path / "sim-seed-3" / "verdict.json"
    verdict.write_text(json.dumps(json.loads(verdict.read_text()) | {"valid": False}))
    found = read(tmp_path)
    assert (found.runs, found.void) == (7, 1)
    assert sorted(found.values["goodput", "after"]) == sorted(
        bank[seed].measures["after"]["goodput"] for seed in range(8) if seed != 3
    )


def test_too_few_runs_and_other_files_are_refused(bank: list[Result], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="0 valid sim runs; 6 or more"):
        read(tmp_path)
    write(bank[0], tmp_path / "sim-seed-0")
    (tmp_path / "sim-seed-0" / "verdict.json").write_text("{}")
    with pytest.raises(BadInput, match=r"verdict\.json: this is no verdict"):
        read(tmp_path)
