"""Writes into the pages of the case studies over which range of its parameters each result holds.

Without arguments only the pages are rewritten, from the ``sensitivity.json`` that is committed next to them. With
``--play`` the runs are made first, for all cases or for those named: minutes each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from stormlab.api.sensitivity import FILE, Finding, find, read

ROOT = Path(__file__).parents[1]
CASES = ROOT / "case_studies"
RESULT = "sensitivity.json"
BEGIN, END = "<!-- sensitivity: written by `make sensitivity` -->\n", "<!-- end of sensitivity -->\n"
SEEDS = 3


def cases(names: Sequence[str] = ()) -> list[Path]:
    """The folders that say what is to be varied, or those of ``names``."""
    return [CASES / name for name in names] or sorted(path.parent for path in CASES.glob(f"*/{FILE}"))


def load(folder: Path) -> list[Finding]:
    """What the last ``make sensitivity`` found."""
    raw = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return [Finding(**one | {"held": {float(value): count for value, count in one["held"].items()}}) for one in raw]


def save(folder: Path, findings: Iterable[Finding]) -> None:
    raw = [
        {"key": one.key, "variant": one.variant, "own": one.own, "seeds": one.seeds}
        | {"held": {f"{value:g}": count for value, count in one.held.items()}}
        for one in findings
    ]
    (folder / RESULT).write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")


def block(findings: Sequence[Finding]) -> str:
    """The table of one page, between its marks."""
    seeds = findings[0].seeds
    head = f"| parameter | in | holds from … to | with all of {seeds} seeds, or with so many |\n|---|---|---|---|\n"
    return BEGIN + head + "".join(map(_row, findings)) + END


def _row(finding: Finding) -> str:
    span = finding.range
    cells = [_cell(finding, value) for value in sorted(finding.held)]
    place = f"`{finding.variant}`" if finding.variant else "base"
    bounds = "nowhere" if span is None else f"{span[0]:g} … {span[1]:g}"
    return f"| `{finding.key}` | {place} | {bounds} | {', '.join(cells)} |\n"


def _cell(finding: Finding, value: float) -> str:
    text = f"**{value:g}**" if value == finding.own else f"{value:g}"
    held = finding.held[value]
    return text if held == finding.seeds else f"{text} ({held})"


def write(folder: Path) -> None:
    """Put the table into the page; the page has to have the marks."""
    page = folder / "README.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + block(load(folder)) + after, encoding="utf-8")


def play(folder: Path, seeds: int) -> None:
    """Make the runs of one case, and keep what they found."""
    findings = []
    for vary in read(folder):
        print(f"{folder.name}: {vary.key} in {vary.variant or 'base'}", flush=True)
        findings.append(
            find(vary, folder, range(1, seeds + 1), lambda value, held: print(f"  {value:g}: {held}", flush=True))
        )
    save(folder, findings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of folders; all when absent")
    parser.add_argument("--play", action="store_true", help="make the runs first")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds 1 to N (default: %(default)s)")
    arguments = parser.parse_args()
    for folder in cases(arguments.cases):
        if arguments.play:
            play(folder, arguments.seeds)
        if (folder / RESULT).exists():
            write(folder)


if __name__ == "__main__":
    main()
