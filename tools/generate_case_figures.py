"""Writes case_studies/*/incident.png: ten simulated runs of each case next to what is on record about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import stormlab
from stormlab.report import style
from stormlab.report.incident import incident_figure

ROOT = Path(__file__).parents[1]
SEEDS = 10


def draw(folder: Path) -> None:
    """Play the case of ``folder`` and draw it."""
    figure = incident_figure(stormlab.run(folder, seed=1, seeds=SEEDS).results)
    if figure is None:
        sys.exit(f"{folder.name}: nothing is on record about it; write [[timeline]]")
    style.save_png(figure, folder / "incident.png")


def main(names: Sequence[str]) -> None:
    """Draw the named cases, or all of them."""
    for path in sorted(ROOT.glob("case_studies/*/scenario.toml")):
        if not names or path.parent.name in names:
            draw(path.parent)
            print(path.parent.name)


if __name__ == "__main__":
    main(sys.argv[1:])
