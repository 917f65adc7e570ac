"""The generated references are complete, and tables in them have as many cells as their heads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormlab.scenario.model import Scenario
from stormlab.scenario.schema import every_table, keys, kind_of

DOCS = Path(__file__).parents[2] / "docs"
SCENARIO = (DOCS / "scenario.md").read_text(encoding="utf-8")
#: Keys that the file does not have: those that tell tables apart, and what the loader fills in.
FILLED_IN = {"kind", "variant"}


@pytest.mark.parametrize("table", every_table(Scenario), ids=lambda table: table.__name__)
def test_every_table_of_the_scenario_language_is_in_the_reference(table: type) -> None:
    if kind_of(table):
        assert f'### `kind = "{kind_of(table)}"`' in SCENARIO
    assert [key for key in keys(table) if key not in FILLED_IN and f"| `{key}` |" not in SCENARIO] == []


def test_every_section_of_the_scenario_reference_describes_one_table() -> None:
    for section in re.split(r"^##+ ", SCENARIO, flags=re.MULTILINE):
        assert section.count("\n|---") <= 1, section.partition("\n")[0]


def test_the_scenario_reference_speaks_the_words_of_the_file() -> None:
    names = {table.__name__ for table in every_table(Scenario)}
    assert names & set(re.findall(r"`(\w+)`", SCENARIO)) == set()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_rows_of_tables_have_the_cells_of_their_heads(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1, table
