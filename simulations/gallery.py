"""Runs every experiment and writes the gallery: each figure, its finding, and the command that makes it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

ROOT = Path(__file__).parents[1]
PAGE, IMAGES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "images" / "gallery"
HELPERS = {"__init__", "experiment", "gallery"}
COLOURS = 48
#: Words of module names that are abbreviations.
ABBREVIATIONS = {"Gc": "GC"}

HEAD = """# Gallery

One experiment per phenomenon, each a module under `simulations/` that asserts its finding and draws it. They all take
`--seed` and `--out`. `make gallery` runs them and rewrites this page.
"""


def experiments() -> list[str]:
    """Names of all modules with an experiment."""
    return sorted(path.stem for path in (ROOT / "simulations").glob("*.py") if path.stem not in HELPERS)


def section(name: str) -> str:
    """What the page says about one experiment."""
    finding = (import_module(f"simulations.{name}").__doc__ or "").strip().splitlines()[0]
    first, *rest = name.capitalize().split("_")
    title = " ".join([ABBREVIATIONS.get(first, first), *rest])
    return f"\n## {title}\n\n{finding}\n\n![{finding}](images/gallery/{name}.png)\n\n    python -m simulations.{name}\n"


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section(name) for name in experiments())


def draw(name: str) -> None:
    """Run one experiment and keep its figure, in few colours, so that it stays small."""
    with TemporaryDirectory() as folder:
        import_module(f"simulations.{name}").main(["--out", folder])
        with Image.open(Path(folder) / f"{name}.png") as image:
            IMAGES.mkdir(parents=True, exist_ok=True)
            image.convert("RGB").quantize(COLOURS).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Redraw the experiments named on the command line, all without one, and rewrite the page."""
    for name in sys.argv[1:] or experiments():
        draw(name)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
