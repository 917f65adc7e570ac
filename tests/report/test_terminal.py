"""What the terminal shows, on narrow terminals too, and that text of a scenario cannot steer it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from stormlab.report.terminal import MANY, comparison_summary, summary
from stormlab.scenario.result import Dose, Result
from tests.report.conftest import Make

HOSTILE = "[bold]x[/] [link=http://example.org]y[/link] \x1b[31mred\x1b[0m\x07"


def shown(results: list[Result], *, width: int = 160, report: Path | None = None) -> str:
    sink = io.StringIO()
    summary(results, Console(file=sink, width=width, force_terminal=False), report=report)
    return sink.getvalue()


def test_one_run(storm: Result) -> None:
    text = shown([storm], report=Path("runs/x/report.html"))
    assert "✗ METASTABLE  simulation" in text
    assert storm.verdict.sentence in " ".join(text.split())
    assert "✓ the storm outlives its trigger: metastable" in text
    assert "report: runs/x/report.html" in text
    assert "nan" not in text


def test_many_runs_are_counted(make: Make) -> None:
    text = shown([make(storm=False, seed=seed) for seed in range(4)])
    assert "✓ RECOVERED  simulation  Recovered in 4 of 4 runs: " in text
    assert "✓ recovers by itself: holds in 4 of 4" in text
    assert "median of the runs" in text


def test_both_worlds_with_doses_and_how_far_they_are_apart(storm: Result, make: Make) -> None:
    dose = Dose(fault="spike", unit="/s", asked=180.0, observed=91.0)
    text = shown([storm, make(storm=True, world="live", doses=[dose])])
    assert "✗ METASTABLE  live" in text
    assert "✗ dose of spike: 91 /s observed, 180 asked for" in text
    assert re.search(
        r"✓ simulation and live: at worst (goodput|attempts) in \w+ .* apart \(must be: 15 % or less", text
    )


def test_a_void_run_is_marked_and_not_compared(storm: Result, make: Make) -> None:
    text = shown([storm, make(storm=True, world="live", void=["the load was late"])])
    assert "✗ METASTABLE  live (void)" in text
    assert "✗ VOID  live, seed 1: the load was late" in text
    assert "simulation and live" not in text


def test_the_path_of_the_report_stays_on_one_line(storm: Result) -> None:
    path = Path("a" * 70) / ("b" * 70) / "report.html"
    assert f"report: {path}\n" in shown([storm], width=80, report=path)


def test_text_of_the_scenario_cannot_steer_the_terminal(storm: Result, make: Make) -> None:
    scenario = storm.scenario.model_copy(update={"title": HOSTILE})
    text = shown([make(storm=True, scenario=scenario, void=[HOSTILE])])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x[/] [link=http://example.org]y[/link]" in text


def test_a_run_without_faults(quiet: Result) -> None:
    told = shown([quiet])
    assert "✓ UNAFFECTED" in told
    assert re.search(r"^ +run *$", told, re.MULTILINE), "one column, as there is neither before nor after"


def test_variants_next_to_each_other_fit_a_narrow_terminal(make: Make) -> None:
    sink = io.StringIO()
    runs = {
        "naive": [make(storm=True, seed=seed) for seed in (1, 2)],
        "budget": [make(storm=False, seed=seed) for seed in (1, 2)],
    }
    comparison_summary(runs, Console(file=sink, width=80), report=Path("compare.html"))
    text = sink.getvalue()
    assert text.startswith("Recovered: budget. Metastable: naive\n")
    assert "✗ metastable 2 of 2  ✓ recovered 2 of 2" in text
    assert "attempts per request, after" in text
    assert "report: compare.html" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_many_variants_have_a_line_each_and_nothing_is_cut_off(make: Make, width: int) -> None:
    sink = io.StringIO()
    runs = {f"v{n}": [make(storm=n % 2 > 0, seed=seed) for seed in (1, 2)] for n in range(MANY)}
    comparison_summary(runs, Console(file=sink, width=width))
    _headline, *lines = sink.getvalue().splitlines()
    tables = sum(line.startswith("v0 ") for line in lines)
    assert tables == (2 if width == 120 else 3)
    for name in runs:
        assert sum(line.startswith(f"{name} ") for line in lines) == tables
    assert "…" not in sink.getvalue()
    assert max(map(len, lines)) <= width
    row = next(line for line in lines if line.startswith("v1 "))
    assert "✗ metastable 2 of 2" in row
