"""The table of what patterns prevent and of their harm: it is complete, and all that it names is run by the tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormlab.scenario import loader
from tests.scenarios import test_guards, test_patterns, test_stability_sim

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(
    r"^\| .*?patterns/(?P<page>[a-z-]+)\.md.*? \| (?P<failure>.*?) \| (?P<cure>.*?) \| (?P<harm>.*?) \|$", re.MULTILINE
)
ROWS = {match["page"]: match for match in ROW.finditer((DOCS / "prevent-and-harm.md").read_text(encoding="utf-8"))}
RUN = {*test_guards.VARIANTS, *test_patterns.VARIANTS, *test_stability_sim.VARIANTS}


def named(cell: str) -> list[tuple[str, str]]:
    return [(name, variant) for name, _, variant in (one.partition("/") for one in re.findall(r"`([^`]+)`", cell))]


def test_every_pattern_has_a_row() -> None:
    assert set(ROWS) == {page.stem for page in DOCS.glob("patterns/*.md")}


@pytest.mark.parametrize("page", ROWS)
def test_what_a_row_names_is_run_and_expects_something(page: str) -> None:
    for column in ("failure", "cure", "harm"):
        scenarios = named(ROWS[page][column])
        assert scenarios, column
        assert set(scenarios) <= RUN
        assert all(loader.load(name, variant=variant).expect for name, variant in scenarios)


@pytest.mark.parametrize("page", ROWS)
def test_the_cure_plays_the_scenario_of_the_failure(page: str) -> None:
    failures, cures = ({name for name, _ in named(ROWS[page][column])} for column in ("failure", "cure"))
    assert failures <= cures
