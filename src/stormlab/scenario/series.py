"""One table of 1 s bins: what both worlds write, what the verdict judges, what the report draws."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

#: Quantiles of latency that every bin has, by column name.
QUANTILES = {"latency.p50": 0.5, "latency.p95": 0.95, "latency.p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Columns by name, each with one value per 1 s bin; see ARCHITECTURE.md for names and units.

    ``faults`` names the active faults per bin. ``latencies`` holds, while the run is in memory, the latencies in s of
    the successes completed in each bin, so that quantiles of longer windows are exact; it is empty after a reload.
    """

    columns: Mapping[str, Column]
    faults: tuple[str, ...]
    latencies: tuple[Column, ...] = field(default=(), repr=False)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return len(self.faults)

    @property
    def t(self) -> Column:
        """The left edges of the bins in s."""
        return np.arange(len(self), dtype=float)

    def services(self) -> list[str]:
        """The names of the services that have columns."""
        return [name.split(".")[1] for name in self.columns if name.startswith("service.") and name.endswith(".queue")]

    def latency(self, first: int, last: int, quantile: float) -> float:
        """A quantile of latency in s over the bins ``first`` … ``last`` - 1; NaN when nothing succeeded in them."""
        if self.latencies:
            pooled = np.concatenate([np.empty(0), *self.latencies[first:last]])
            return float(np.quantile(pooled, quantile)) if pooled.size else float("nan")
        name = next((name for name, q in QUANTILES.items() if q == quantile), "")
        if not name:
            raise ValueError(f"a series that was read from a file knows the quantiles {sorted(QUANTILES.values())}")
        weights, values = self["goodput"][first:last], self[name][first:last]
        known = ~np.isnan(values)
        return float(np.average(values[known], weights=weights[known])) if weights[known].sum() else float("nan")

    def write(self, path: Path) -> None:
        """As CSV, byte for byte the same for the same run."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["t", *self.columns, "faults"])
            for index, fault in enumerate(self.faults):
                writer.writerow([index, *(_cell(column[index]) for column in self.columns.values()), fault])


def read(path: Path) -> Series:
    """A series written by :meth:`Series.write`."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    columns = {
        name: np.array([float(row[index]) if row[index] else np.nan for row in rows])
        for index, name in enumerate(header[1:-1], start=1)
    }
    return Series(columns=columns, faults=tuple(row[-1] for row in rows))


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.9g}"
