"""Sums over a sliding window, kept in cells so that time costs memory for neither many calls nor few."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class SlidingSums:
    """Several sums over the last ``window`` s, forgotten cell by cell: between 9/10 and all of the window counts."""

    CELLS = 10

    __slots__ = ("_cells", "_totals", "_width")

    def __init__(self, window: float, *, columns: int) -> None:
        self._width = window / self.CELLS
        self._cells: deque[tuple[int, list[float]]] = deque()
        self._totals: list[float] = [0] * columns

    def add(self, at: float, column: int, amount: float = 1) -> None:
        """Add ``amount`` at a time that may lie in the past; before the window it is ignored."""
        cell = self._cell(int(at / self._width))
        if cell is not None:
            cell[column] += amount
            self._totals[column] += amount

    def totals(self, now: float) -> Sequence[float]:
        """The sum of each column over the window that ends ``now``."""
        self._forget(int(now / self._width))
        return self._totals

    def _cell(self, index: int) -> list[float] | None:
        if self._cells and self._cells[-1][0] >= index:
            return next((cell for at, cell in reversed(self._cells) if at == index), None)
        self._forget(index)
        cell: list[float] = [0] * len(self._totals)
        self._cells.append((index, cell))
        return cell

    def _forget(self, index: int) -> None:
        while self._cells and self._cells[0][0] <= index - self.CELLS:
            _, cell = self._cells.popleft()
            for column, amount in enumerate(cell):
                self._totals[column] -= amount
