"""Variants next to each other: estimates with intervals, the figure's finding, the files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from stormlab.report.comparison import comparison_figure, write_comparison
from stormlab.report.league import as_json, compare_table, comparison_headline, from_json, spread
from stormlab.report.league_figure import PANELS, league_figure
from stormlab.scenario.estimate import Estimate
from stormlab.scenario.result import Result
from tests.report.conftest import Make
from tests.report.test_page import Page


@pytest.fixture(scope="session")
def variants(make: Make) -> dict[str, list[Result]]:
    return {
        "naive": [make(storm=True, seed=seed) for seed in (1, 2, 3)],
        "budget": [make(storm=False, seed=seed) for seed in (1, 2, 3)],
    }


def test_an_estimate_is_a_mean_with_students_interval() -> None:
    found = Estimate.of([1.0, 2.0, 3.0, None, math.nan])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.high - found.mean == pytest.approx(4.3027 / math.sqrt(3))
    assert spread(found) == "2 ± 2.5"


@pytest.mark.parametrize("n", [2, 3, 11, 12, 20, 100])
def test_the_quantiles_of_t_are_those_of_scipy(n: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = [float(index % 2) for index in range(n)]
    found, expected = Estimate.of(values), stats.t.interval(0.95, n - 1, loc=0.0, scale=stats.sem(values))
    assert found.high - found.mean == pytest.approx(expected[1], rel=1e-4)


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    assert spread(Estimate.of([5.0])) == "5"
    assert spread(Estimate.of([None])) == "—"


def test_the_table_has_one_row_per_variant(variants: dict[str, list[Result]]) -> None:
    naive, budget = compare_table(variants)
    assert (naive.variant, naive.runs, dict(naive.verdicts)) == ("naive", 3, {"metastable": 3})
    assert naive.time_to_recover.n == 0
    assert budget.time_to_recover.mean == variants["budget"][0].verdict.time_to_recover
    assert naive.attempts_per_request_after.mean == pytest.approx(4.0, abs=0.05)
    assert naive.goodput_after.high < 2.0 < budget.goodput_after.low


def test_both_worlds_have_rows_of_their_own(both_worlds: list[Result]) -> None:
    rows = compare_table({"naive": both_worlds})
    assert [row.world for row in rows] == ["sim", "live"]
    assert comparison_headline(rows) == "Metastable: naive"


def test_worlds_that_disagree_are_named_apart(storm: Result, make: Make) -> None:
    rows = compare_table({"naive": [storm, make(storm=False, world="live")]})
    assert comparison_headline(rows) == "Recovered: naive (live). Metastable: naive (simulation)"


def test_the_figure_states_who_recovers(variants: dict[str, list[Result]]) -> None:
    figure = comparison_figure(variants)
    assert figure.get_suptitle() == "Recovered: budget. Metastable: naive"
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "naive: ✗ metastable 3 of 3",
        "budget: ✓ recovered 3 of 3",
    ]
    assert figure.axes[0].get_ylabel() == "requests/s"
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_variants_fills_its_panels(variants: dict[str, list[Result]], count: int) -> None:
    figure = comparison_figure({f"v{index}": variants["naive"][:1] for index in range(count)})
    assert len(figure.axes) == count


def test_the_files_hold_the_same_table(variants: dict[str, list[Result]], tmp_path: Path) -> None:
    page = Page(write_comparison(variants, tmp_path))
    assert "script" not in page.tags
    assert page.addresses == [address for address in page.addresses if address.startswith("#")]
    assert "✗ metastable 3 of 3" in page.text
    rows = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert [row["variant"] for row in rows] == ["naive", "budget"]
    assert rows[0]["time_to_recover"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert rows[0]["verdicts"] == {"metastable": 3}
    assert (tmp_path / "plots" / "compare.png").is_file()


def test_a_row_as_json_has_no_nan_and_gives_the_row_back(variants: dict[str, list[Result]]) -> None:
    for row in compare_table(variants):
        assert repr(from_json(json.loads(json.dumps(as_json(row), allow_nan=False)))) == repr(row)


def test_the_league_figure_has_the_best_on_top_and_an_interval_for_every_mean(
    variants: dict[str, list[Result]],
) -> None:
    rows = compare_table(variants)
    figure = league_figure(rows)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["budget", "naive"]
    (budget,) = (row for row in rows if row.variant == "budget")
    for panel, axes in zip(PANELS, figure.axes, strict=True):
        drawn = [tuple(np.asarray(line.get_xdata()).tolist()) for line in axes.get_lines()]
        estimate = getattr(budget, panel.measure)
        assert (estimate.low, estimate.high) in drawn and (estimate.mean,) in drawn


def test_the_league_figure_says_whether_the_worlds_rank_alike(make: Make) -> None:
    both = {
        "naive": [make(storm=True), make(storm=True, world="live")],
        "budget": [make(storm=False), make(storm=False, world="live")],
    }
    title = league_figure(compare_table(both)).get_suptitle()
    assert title == "Simulation and live rank these 2 alike, the best on top"
    both["budget"][1], both["naive"][1] = both["naive"][1], both["budget"][1]
    title = league_figure(compare_table(both)).get_suptitle()
    assert title == "Simulation and live rank in opposite orders: naive and budget"
