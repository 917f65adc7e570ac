"""Whether a history of concurrent operations on one register could have happened one after the other.

The search of Wing and Gong (1993, "Testing and verifying concurrent objects", J. Parallel Distrib. Comput. 17) with
Lowe's memory of what was tried (2017, "Testing for linearizability", Concurrency Computat. 29): take any operation that
began before the first end among those left, try it next, and go back when the values contradict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """A read or write of one register (``None``: absent); one without an ``end`` may never have happened."""

    write: bool
    value: bytes | None
    begin: float
    end: float = math.inf


def linearizable(history: Sequence[Operation], initial: bytes | None = None) -> bool:
    """Whether some order of the operations respects their times and gives every read the value written last."""
    operations = sorted(history, key=lambda operation: operation.begin)
    everything = (1 << len(operations)) - 1
    optional = sum(1 << place for place, operation in enumerate(operations) if math.isinf(operation.end))
    tried: set[tuple[int, bytes | None]] = set()
    stack = [(everything, initial)]
    while stack:
        left, value = stack.pop()
        if not left & ~optional:
            return True
        if (left, value) in tried:
            continue
        tried.add((left, value))
        stack += _next(operations, left, value)
    return False


def _next(operations: Sequence[Operation], left: int, value: bytes | None) -> list[tuple[int, bytes | None]]:
    """The states that one more operation leads to."""
    places = [place for place in range(len(operations)) if left >> place & 1]
    first_end = min(operations[place].end for place in places)
    states = []
    for place in places:
        operation = operations[place]
        if operation.begin <= first_end and (operation.write or operation.value == value):
            states.append((left & ~(1 << place), operation.value if operation.write else value))
    return states
