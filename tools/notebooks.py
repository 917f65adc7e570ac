"""Executes the notebooks: percent scripts under notebooks/ are the source, .ipynb with outputs what readers open.

    python -m tools.notebooks build [NAME ...]    execute and write the .ipynb files
    python -m tools.notebooks check [NAME ...]    execute and compare with what is committed, write nothing

Compared is text, as pictures differ between versions of a font; of cells tagged ``live``, whose numbers are measured,
only the source. A notebook whose source is no longer that of its .ipynb fails both in the check and in the tests.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"

#: Seconds that one cell may take, the first compilation of the kernel included.
CELL_LIMIT = 300
COLOURS = 64


def sources(names: Sequence[str] = ()) -> list[Path]:
    """The scripts, all of them without ``names``."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    unknown = [name for name in names if name not in {path.stem for path in found}]
    if unknown:
        raise SystemExit(f"there is no notebook {unknown[0]!r}; there is {', '.join(path.stem for path in found)}")
    return [path for path in found if not names or path.stem in names]


def from_source(source: Path) -> Any:
    """The notebook of a script, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.NotebookNode(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook


def executed(source: Path) -> Any:
    """The notebook of a script with its outputs; raises CellExecutionError when a cell fails."""
    notebook = from_source(source)
    client = NotebookClient(notebook, timeout=CELL_LIMIT, resources={"metadata": {"path": str(FOLDER)}})
    client.coalesce_streams = True
    client.extra_arguments = ["--log-level=ERROR"]
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [_static(one) for one in cell.outputs if one.get("name") != "stderr"]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = nbformat.NotebookNode(name="python")
    return notebook


def _static(output: Any) -> Any:
    """What a reader without a kernel can see of ``output``, with small pictures."""
    data = output.get("data", {})
    data.pop(WIDGET, None)
    if "image/png" in data:
        data["image/png"] = _small(data["image/png"])
    return output


def _small(encoded: str) -> str:
    """A picture in few colours."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        image.convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def texts(notebook: Any) -> list[tuple[str, str]]:
    """Source and text output of every cell; without the output of what is measured."""
    return [(cell.source, "" if "live" in cell.metadata.get("tags", []) else _printed(cell)) for cell in notebook.cells]


def _printed(cell: Any) -> str:
    """All text below a cell; in how many pieces it came is chance."""
    found = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.get("outputs", [])]
    return "".join("".join(text) for text in found)


def committed(source: Path) -> Any:
    """The .ipynb next to a script."""
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def build(source: Path) -> None:
    """Execute ``source`` and write its .ipynb."""
    nbformat.write(executed(source), source.with_suffix(".ipynb"))


def check(source: Path) -> None:
    """Raises SystemExit naming the first cell whose text is not what is committed."""
    kept = texts(committed(source))
    if len(kept) != len(from_source(source).cells):
        raise SystemExit(f"{source.stem}: its .ipynb has other cells; run make notebooks and commit")
    for number, (now, then) in enumerate(zip(texts(executed(source)), kept, strict=True), start=1):
        if now != then:
            raise SystemExit(f"{source.stem}, cell {number}: {now[1]} is not {then[1]}; run make notebooks and commit")


COMMANDS: dict[str, Callable[[Path], None]] = {"build": build, "check": check}


def main() -> None:
    """What the module docstring says."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(__doc__)
    failed = []
    for source in sources(sys.argv[2:]):
        began = time.monotonic()
        try:
            COMMANDS[sys.argv[1]](source)
            print(f"{source.stem}: {time.monotonic() - began:.0f} s", flush=True)
        except (SystemExit, CellExecutionError) as error:
            failed.append(source.stem)
            print(f"{source.stem}: FAILED\n{error}", flush=True)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
