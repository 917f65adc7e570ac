"""What one process of a load generator has done, request by request, handed over in slices."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlab.live.plan import ENDINGS
from stormlab.outcome import Ending

_NUMBER_OF = {ending: number for number, ending in enumerate(ENDINGS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Requests that ended, an element each; times in s since the start of the load.

    ``client`` is the place of the client in the scenario, ``number`` that of the request in the client's stream.
    """

    client: NDArray[np.uint8]
    number: NDArray[np.int64]
    intended: NDArray[np.float64]
    sent: NDArray[np.float64]
    ended: NDArray[np.float64]
    ending: NDArray[np.uint8]
    attempts: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.intended)

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        return cls(**{name: np.concatenate([getattr(one, name) for one in parts]) for name in _TYPES})

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        return Rows(**{name: getattr(self, name)[mask] for name in _TYPES})

    def as_columns(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in _TYPES}


_TYPES = dict(zip([field.name for field in fields(Rows)], "BqdddBH", strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What has happened since the slice before; ``attempts`` counts them by second.

    ``dropped``, ``under_way`` and ``done`` say how things are now: requests that were never sent, those without an
    ending, and whether there is nothing left to do. ``behind`` is by how many s
    at least the worker's clock lags that of the master (negative: nothing is known), ``stamp`` what it shows now.
    """

    rows: Rows
    attempts: Mapping[int, int]
    dropped: int
    under_way: int
    done: bool
    behind: float = -math.inf
    stamp: float = -math.inf

    def packed(self) -> dict[str, Any]:
        """As something that can be sent to the master."""
        columns = {name: column.tobytes() for name, column in self.rows.as_columns().items()}
        attempts = {str(second): count for second, count in self.attempts.items()}
        rest = {name: getattr(self, name) for name in ("dropped", "under_way", "done", "behind", "stamp")}
        return {"rows": columns, "attempts": attempts} | rest

    @classmethod
    def unpacked(cls, plain: dict[str, Any]) -> Slice:
        rows = Rows(**{name: np.frombuffer(plain["rows"][name], dtype=kind) for name, kind in _TYPES.items()})
        return cls(**plain | {"rows": rows, "attempts": {int(at): n for at, n in plain["attempts"].items()}})


class Journal:
    """Written by the requests; `take` empties it."""

    def __init__(self) -> None:
        self.under_way = 0
        self.dropped = 0
        self._begin()

    def note(
        self, client: int, number: int, intended: float, sent: float, ended: float, ending: Ending, attempts: int
    ) -> None:
        """A request has ended."""
        self._client(client)
        self._number(number)
        self._intended(intended)
        self._sent(sent)
        self._ended(ended)
        self._ending(_NUMBER_OF[ending])
        self._attempts(attempts)

    def take(self, *, done: bool, behind: float = -math.inf, stamp: float = -math.inf) -> Slice:
        """What has been written since the last time."""
        columns, attempts = self._columns, self.attempts
        self._begin()
        rows = Rows(**{name: np.frombuffer(column, dtype=column.typecode) for name, column in columns.items()})
        return Slice(
            rows=rows,
            attempts=attempts,
            dropped=self.dropped,
            under_way=self.under_way,
            done=done,
            behind=behind,
            stamp=stamp,
        )

    def _begin(self) -> None:
        self.attempts: Counter[int] = Counter()
        self._columns = {name: array(kind) for name, kind in _TYPES.items()}
        appends: list[Any] = [column.append for column in self._columns.values()]
        self._client, self._number, self._intended, self._sent, self._ended, self._ending, self._attempts = appends
