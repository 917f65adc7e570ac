"""The notebooks that readers open are those of the committed scripts, executed, small, and lessons.

`make notebooks-check` executes them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tools import notebooks

SOURCES = notebooks.sources()
#: Bytes of a notebook with its pictures.
LARGEST = 600_000

each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_they_are_numbered_without_a_gap_and_have_one_source_each() -> None:
    assert [int(source.stem[:2]) for source in SOURCES] == list(range(1, len(SOURCES) + 1))
    assert {path.stem for path in notebooks.FOLDER.glob("*.ipynb")} == {source.stem for source in SOURCES}


@each
def test_the_cells_are_those_of_the_script(source: Path) -> None:
    now, kept = notebooks.from_source(source), notebooks.committed(source)
    assert [(cell.cell_type, cell.source) for cell in now.cells] == [
        (cell.cell_type, cell.source) for cell in kept.cells
    ], "run `make notebooks` and commit the result"


@each
def test_every_cell_was_executed_in_order_and_none_failed(source: Path) -> None:
    cells = code(notebooks.committed(source))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@each
def test_nothing_in_it_needs_a_kernel_or_names_a_machine(source: Path) -> None:
    text = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert notebooks.WIDGET not in text
    assert str(notebooks.ROOT) not in text


@each
def test_it_is_a_lesson_whose_claims_are_asserted(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    asked = re.findall(r'lesson\.predict\(\s*"\w+"', text)
    shown = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(asked) >= 2 and len(re.findall(r'"text/markdown": \[\s*"Observed: ', shown)) == len(asked)
    assert len(re.findall(r'Lesson\("[a-z0-9-]+"\)', text)) == 1
    assert re.search(r"^assert |^study\.check\(", text, re.MULTILINE)
    assert "**Question.**" in text and 'lesson.hand_in("")' in text


def test_every_picture_says_in_words_what_it_shows() -> None:
    for source in SOURCES:
        for cell in code(notebooks.committed(source)):
            for output in cell.outputs:
                data = output.get("data", {})
                assert "image/png" not in data or data["text/plain"], f"{source.stem}: a figure without a title"
