"""The sentences: what they claim, for one run, many, one world, both, and worlds that disagree."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from stormlab.report.findings import findings, headline, number, percent
from stormlab.scenario.loader import load
from stormlab.scenario.result import Result
from tests.report.conftest import CLOCK, Make


def test_one_run_speaks_in_the_words_of_the_judge(storm: Result) -> None:
    (found,) = findings([storm])
    assert found.sentence == storm.verdict.sentence
    assert headline([storm]) == "Metastable: 0.8 % of the goodput is left after the spike, kept down by retries"


def test_many_runs_are_counted_and_the_exceptions_named(make: Make, storm: Result) -> None:
    runs = [make(storm=True, seed=seed) for seed in range(3)]
    runs.append(make(storm=False, scenario=storm.scenario))
    (found,) = findings(runs)
    assert headline(runs).startswith("Metastable in 3 of 4 runs: ")
    assert found.sentence.endswith("; recovered in 1.")


def test_recovery_comes_with_its_time(recovered: Result) -> None:
    assert headline([recovered]) == f"Recovered: {recovered.verdict.time_to_recover:g} s after the end of the spike"


def test_recovery_while_the_fault_lasts_is_not_zero_seconds_after_it(make: Make, recovered: Result) -> None:
    long = load("retry-storm", variant="budget", overrides=[*CLOCK, "faults.spike.for=20"])
    early = make(storm=False, scenario=long)
    assert early.verdict.time_to_recover == 0
    assert headline([early]) == "Recovered: by the end of the spike"
    assert headline([recovered, make(storm=False, scenario=long, world="live")]).endswith(
        " s and 0 s after the end of the spike"
    )


def test_no_fault_is_not_the_end_of_one(storm: Result, recovered: Result, quiet: Result) -> None:
    assert headline([replace(recovered, scenario=quiet.scenario)]) == "Recovered: without a fault"
    assert headline([replace(storm, scenario=quiet.scenario)]) == "Metastable: without a fault, kept down by retries"


def test_both_worlds_in_one_line(both_worlds: list[Result], make: Make) -> None:
    assert headline(both_worlds).startswith("Metastable, simulated and live: ")
    seeds = [make(storm=True, seed=2), *both_worlds]
    assert headline(seeds).startswith("Metastable in 2 of 2 simulated runs and live: ")


def test_worlds_that_disagree_say_so(storm: Result, make: Make) -> None:
    line = headline([storm, make(storm=False, world="live")])
    assert line.startswith("The worlds disagree. Simulation: metastable: ")
    assert "; live: recovered: " in line


def test_void_runs_have_no_say(storm: Result, make: Make) -> None:
    void = make(storm=False, world="live", void=["the load was late"])
    assert headline([storm, void]) == headline([storm])
    assert headline([void]).startswith("Void, must not be used: recovered: ")
    assert [one.void for one in findings([storm, void])] == [0, 1]


def test_nothing_went_wrong(quiet: Result) -> None:
    assert headline([quiet]) == "Unaffected: the share of requests that succeed never fell"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "—"),
        (None, "—"),
        (math.inf, "∞"),
        (0.0, "0"),
        (0.04567, "0.0457"),
        (0.00012, "1.2e-04"),
        (99.96, "100"),
        (1234.6, "1 235"),
        ("metastable", "metastable"),
    ],
)
def test_numbers_for_tables(value: float | str | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.0004, "0 %"), (0.0123, "1.2 %"), (0.5, "50 %"), (math.nan, "—")]
)
def test_shares_for_sentences(share: float, text: str) -> None:
    assert percent(share) == text
