"""The table of contents of the site names every page; `make docs` builds the site and follows its links."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")


def test_every_page_is_in_the_table_of_contents_once() -> None:
    trees = re.findall(r"```\{toctree\}\n(.*?)```", INDEX, re.DOTALL)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    pages = {path for entry in entries for path in (DOCS.glob(f"{entry}.md") if not entry.startswith("..") else ())}
    assert pages == {path for path in DOCS.rglob("*.md") if path.name != "index.md"}
    assert len(entries) == len(set(entries))
