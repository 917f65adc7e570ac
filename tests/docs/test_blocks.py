"""Every Python block of the documentation runs, alone; blocks marked ``python notest`` only have to parse."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python[^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[object]:
    return [
        pytest.param(mark.split(), page, code, text.count("\n", 0, start), id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for number, (mark, code, start) in enumerate(
            ((match[1], match[2], match.start(2)) for match in BLOCK.finditer(text)), start=1
        )
    ]


@pytest.mark.parametrize(("marks", "page", "code", "line"), blocks())
def test_the_block_runs(
    marks: list[str], page: Path, code: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ast.increment_lineno(ast.parse(code), line)
    monkeypatch.chdir(tmp_path)
    if "notest" not in marks:
        exec(compile(tree, str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
