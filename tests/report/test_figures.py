"""Every figure says what it found, names its axes with units, and survives gaps, many seeds and odd scenarios."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlab.report import figures, style
from stormlab.report.bands import Band, band, column, thin
from stormlab.report.figures import failures_figure, latency_figure, load_figure, queue_figure
from stormlab.scenario.result import Result
from tests.report.conftest import Make

DRAWINGS: list[Callable[[Sequence[Result]], Figure]] = [load_figure, latency_figure, queue_figure]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_load_shows_three_roles_the_capacity_and_the_fault(storm: Result) -> None:
    figure = load_figure([storm])
    axes = figure.axes[0]
    assert figure.get_suptitle().startswith(
        "Metastable: 0.8 % of the goodput is left after the spike, kept down by retr"
    )
    assert axes.get_ylabel() == "requests per second"
    assert axes.get_xlabel() == "time in s"
    assert axes.get_title(loc="left") == "retry-storm / naive · simulation, seed 1"
    assert {text.split()[0] for text in texts(axes)} == {"spike", "attempts", "offered", "goodput", "capacity"}
    assert "capacity 100/s" in texts(axes)
    colours = {line.get_color() for line in axes.get_lines()}
    assert {style.OFFERED.colour, style.ATTEMPTS.colour, style.GOODPUT.colour} <= colours


def test_the_fault_is_shaded_where_it_was_active(storm: Result) -> None:
    (area,) = load_figure([storm]).axes[0].patches
    assert (area.get_x(), area.get_width()) == (15, 10)  # type: ignore[attr-defined]


def test_both_worlds_share_the_axes_and_differ_in_their_strokes(both_worlds: list[Result]) -> None:
    axes = load_figure(both_worlds).axes[0]
    goodput = [line for line in axes.get_lines() if line.get_color() == style.GOODPUT.colour]
    strokes = {(line.get_linestyle(), line.get_marker()) for line in goodput if len(np.asarray(line.get_xdata()))}
    assert strokes == {("-", "None"), ("None", "o")}
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["simulation", "live"]


def test_many_seeds_become_a_median_with_a_band(make: Make) -> None:
    runs = [make(storm=True, seed=seed) for seed in range(5)]
    figure = load_figure(runs)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "simulation: median and 5–95 % of 5 seeds"
    assert len(figure.axes[0].collections) == 3
    assert "Metastable in 5 of 5 runs" in figure.get_suptitle().replace("\n", " ")


def test_a_void_run_is_marked_in_every_figure(make: Make) -> None:
    void = make(storm=True, world="live", void=["the load was late"])
    for drawing in DRAWINGS:
        assert "VOID" in drawing([void]).axes[0].get_title(loc="left")


@pytest.mark.parametrize(("slowest", "scale"), [(0.5, "linear"), (9.0, "log")])
def test_latency_is_logarithmic_only_when_it_is_wide(storm: Result, slowest: float, scale: str) -> None:
    columns = {"latency.p50": np.full(80, 0.1), "latency.p99": np.linspace(0.1, slowest, 80)}
    series = replace(storm.series, columns={**storm.series.columns, **columns})
    assert latency_figure([replace(storm, series=series)]).axes[0].get_yscale() == scale


def test_latency_says_when_nothing_succeeds_any_more(storm: Result) -> None:
    gone = np.where(np.arange(80) < 20, 0.3, np.nan)
    columns = {**storm.series.columns, "latency.p50": gone, "latency.p99": gone}
    measures = {**storm.measures, "after": {**storm.measures["after"], "latency_p99": float("nan")}}
    figure = latency_figure([replace(storm, series=replace(storm.series, columns=columns), measures=measures)])
    assert "nothing succeeds afterwards" in figure.get_suptitle()
    assert {"p50", "p99"} <= set(texts(figure.axes[0])), "lines that end early get no level of the last seconds"


def test_queue_has_a_panel_for_waiting_and_one_for_working(storm: Result) -> None:
    waiting, working = queue_figure([storm]).axes
    assert (waiting.get_ylabel(), working.get_ylabel()) == ("requests waiting", "workers busy")
    assert "kv 250" in texts(waiting)
    assert "kv 10" in texts(working)


def test_failures_by_reason_or_no_figure_at_all(both_worlds: list[Result], quiet: Result) -> None:
    figure = failures_figure(both_worlds)
    assert figure is not None
    assert figure.get_suptitle() == "100 % of the failed requests timed out"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["simulation", "live"]
    assert failures_figure([quiet]) is None


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_columns_without_any_value_are_left_out(drawing: Callable[..., Figure], storm: Result, tmp_path: Path) -> None:
    columns = {name: np.full(80, np.nan) for name in storm.series.columns}
    empty = replace(storm, series=replace(storm.series, columns=columns))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save_png(drawing([empty]), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000


def test_overlapping_faults_are_named_on_lines_of_their_own(storm: Result) -> None:
    spike = storm.scenario.faults[0]
    second = spike.model_copy(update={"name": "second", "at": 17.0})
    remedy = spike.model_copy(update={"name": "remedy", "at": 60.0, "lasting": None})
    scenario = storm.scenario.model_copy(update={"faults": (spike, second), "interventions": (remedy,)})
    axes = load_figure([replace(storm, scenario=scenario)]).axes[0]
    height = {one.get_text(): one.xyann[1] for one in axes.texts if hasattr(one, "xyann")}
    assert height["second"] < height["spike"] == height["remedy"]
    assert axes.patches[0].get_facecolor()[:3] != axes.patches[-1].get_facecolor()[:3]


def test_text_is_never_mathematics(storm: Result) -> None:
    spike = storm.scenario.faults[0].model_copy(update={"name": "$\\frac{"})
    scenario = storm.scenario.model_copy(update={"faults": (spike,)})
    svg = style.inline_svg(load_figure([replace(storm, scenario=scenario)]), "load")
    assert "$\\frac{" in svg


def test_an_inline_figure_follows_the_page_and_keeps_its_names_to_itself(storm: Result) -> None:
    svg = style.inline_svg(load_figure([storm]), "load")
    assert svg.startswith("<svg viewBox=")
    assert "var(--vermillion)" in svg
    assert not any(colour in svg for colour in style.VARIABLES)
    assert 'id="axes_1"' not in svg
    assert 'id="load-axes_1"' in svg
    assert "xlink" not in svg.partition(">")[0]


def test_labels_keep_their_distance_and_stay_inside() -> None:
    assert style._spread([0.0, 0.01, 0.02], 0.1) == pytest.approx([0.0, 0.1, 0.2])
    assert style._spread([0.95, 0.99, 1.0], 0.1) == pytest.approx([0.8, 0.9, 1.0])
    assert style._spread([], 0.1) == []


def test_a_band_over_seeds_is_quantiles_per_bin(make: Make) -> None:
    runs = [make(storm=True, seed=seed) for seed in range(3)]
    found = band(runs, lambda series: series["goodput"])
    rows = np.array([one.series["goodput"] for one in runs])
    assert found.middle == pytest.approx(np.median(rows, axis=0))
    assert (found.low <= found.middle).all()
    assert (found.middle <= found.high).all()
    assert (found.t[0], found.runs) == (0.5, 3)
    assert not band(runs, column("no such column")).known


def test_points_without_neighbours_are_found() -> None:
    middle = np.array([1.0, np.nan, 2.0, 3.0, np.nan, 4.0])
    found = Band(t=np.arange(6.0), low=middle, middle=middle, high=middle, runs=1)
    assert found.lone.tolist() == [True, False, False, False, False, True]


def test_capacity_is_the_scenarios_where_none_was_seen(storm: Result) -> None:
    columns = {**storm.series.columns, "service.kv.capacity": np.array([50.0, *[np.nan] * 79])}
    found = figures.capacity(replace(storm.series, columns=columns), storm.scenario)
    assert found[:3].tolist() == [50.0, 100.0, 100.0]


def test_long_runs_are_thinned_to_means() -> None:
    t, means = thin(np.arange(3600.0))
    assert (len(t), t[0], means[0], means[-1]) == (1200, 1.5, 1.0, 3598.0)
    t, means = thin(np.array([5.0, np.nan]))
    assert t.tolist() == [0.5, 1.5]
    assert means[0] == 5.0
    assert np.isnan(means[1])


def test_capacity_far_above_the_load_is_mentioned_and_not_drawn(storm: Result) -> None:
    columns = {**storm.series.columns, "service.kv.capacity": np.full(80, 10_000.0)}
    axes = load_figure([replace(storm, series=replace(storm.series, columns=columns))]).axes[0]
    assert "capacity 10 000/s ↑" in texts(axes)
    assert axes.get_ylim()[1] < 1000


def test_titles_give_the_numbers_of_one_world_and_name_it(both_worlds: list[Result]) -> None:
    assert latency_figure(both_worlds).get_suptitle().startswith("p99 latency (simulation): 0.396 s before the spike")
    assert queue_figure(both_worlds).get_suptitle() == (
        "Waiting requests (simulation): 2 before the spike, 250 at the peak, 250 afterwards"
    )


def test_no_line_of_a_title_begins_with_a_percent_sign() -> None:
    title = "x" * 78 + " of 10 % and more"
    assert style.wrapped(title) == "x" * 78 + " of\n10 % and more"
