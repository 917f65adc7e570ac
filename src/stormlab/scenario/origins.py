"""Where a key of the effective scenario comes from: a line of the file, of a variant in it, or the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from stormlab.scenario.positions import Key, key_lines

#: A key of the file, or the words in which something came from elsewhere.
Place: TypeAlias = Key | str


class Origins:
    """Knows the places of the keys of one effective scenario.

    Args:
        path: the scenario file.
        text: what it holds.
        root: where in the file the chosen variant stands, or empty.
        over: the tree of that variant.
        assigned: keys that were set one by one, in order, each with its place.
    """

    def __init__(
        self,
        path: Path,
        text: str,
        *,
        root: Key = (),
        over: Mapping[str, Any] | None = None,
        assigned: Sequence[tuple[Key, Place]] = (),
    ) -> None:
        self._path = path
        self._text = text
        self._root = root
        self._over = over or {}
        self._assigned = assigned

    def of(self, key: Key) -> str:
        """``file:line``, or the option that brought the key; the nearest table above it when it stands nowhere."""
        for prefix, place in reversed(self._assigned):
            shared = min(len(prefix), len(key))
            if shared and key[:shared] == prefix[:shared]:
                return self.at(place)
        return self._in_file(self.line(key))

    def at(self, place: Place) -> str:
        """A place in words."""
        return place if isinstance(place, str) else self._in_file(self._lines.get(place))

    def _in_file(self, line: int | None) -> str:
        return f"{self._path}:{line}" if line else str(self._path)

    @cached_property
    def _lines(self) -> Mapping[Key, int]:
        return key_lines(self._text)

    def line(self, key: Key) -> int | None:
        """The line in the file, the variant's where the variant says something about it."""
        base = self._deepest((), key)
        if not self._root:
            return self._lines.get(base)
        varied = self._deepest(self._root, key)
        own = _replaces(self._over, key) or len(varied) - len(self._root) >= len(base)
        return self._lines.get(varied if own and len(varied) > len(self._root) else base)

    def _deepest(self, root: Key, key: Key) -> Key:
        """The longest beginning of ``key`` that stands in the file below ``root``."""
        for length in range(len(key), 0, -1):
            if (*root, *key[:length]) in self._lines:
                return (*root, *key[:length])
        return root


def _replaces(over: Any, key: Key) -> bool:
    """Whether the variant puts something in the place of ``key`` instead of merging with what was there."""
    for part in key:
        if not isinstance(over, Mapping):
            return True
        if part not in over:
            return False
        over = over[part]
    return True
