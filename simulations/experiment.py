"""What every experiment shares: its options on the command line, and where its figure goes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from stormlab.report.style import WIDTH, save_png, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``seed`` decides every draw; figures go to the folder ``out``, which is made when missing."""

    seed: int
    out: Path

    def save(self, figure: Figure, name: str) -> Path:
        """Write ``figure`` as ``name``.png and say where."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{name}.png"
        save_png(figure, path)
        print(path)
        return path


def panels(title: str, rows: int, columns: int, *, height: float) -> tuple[Figure, list[Axes]]:
    """A figure under ``title`` with panels on axes of their own, row by row; ``height`` in inches for a width of 10."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(wrapped(title), x=0.008, ha="left", fontsize=13, fontweight="bold")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def log_ticks(axis: Axis, ticks: Sequence[float]) -> None:
    """Label a logarithmic ``axis`` with plain numbers at ``ticks``."""
    axis.set_ticks([], minor=True)
    axis.set_ticks(list(ticks), [f"{tick:,.12g}" for tick in ticks])


def options(module: str, arguments: Sequence[str] | None = None) -> Options:
    """The options that an experiment was started with; ``module`` is its docstring, whose first line is its help."""
    parser = argparse.ArgumentParser(description=module.strip().splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="decides every draw (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/figures"), help="folder for the figure (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    return Options(seed=chosen.seed, out=chosen.out)
