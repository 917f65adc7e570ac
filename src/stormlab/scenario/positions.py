"""On which line of a TOML file a key stands; the standard parser does not say.

The text has been accepted by :mod:`tomllib` before, so the scanner knows structure only (toml.io/en/v1.0.0) and never
has to complain.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE = re.compile(r"[^,\]}\n#]*")
_STRINGS = {
    '"""': re.compile(r'"""(?:[^\\"]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''(?:[^']|'(?!''))*'{3,5}"),
    '"': re.compile(r'"(?:[^"\\]|\\.)*"'),
    "'": re.compile(r"'[^']*'"),
}


def key_lines(text: str) -> dict[Key, int]:
    """The line (from 1) of every table, key and list element, by its path from the root."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Key, int] = {}
        self._lengths: dict[Key, int] = {}
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def document(self) -> None:
        table: Key = ()
        while self._blank():
            if self._take("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Key:
        in_list = self._take("[")
        number = self._line()
        *parents, last = self._dotted()
        self._take("]]" if in_list else "]")
        table: Key = ()
        for part in parents:
            table = self._latest((*table, part))
        table = (*table, last)
        if in_list:
            length = self._lengths.get(table, 0)
            self._lengths[table] = length + 1
            self.lines.setdefault(table, number)
            table = (*table, length)
        else:
            table = self._latest(table)
        self.lines.setdefault(table, number)
        return table

    def _latest(self, table: Key) -> Key:
        """A path through a list of tables means its latest element."""
        return (*table, self._lengths[table] - 1) if table in self._lengths else table

    def _pair(self, table: Key) -> None:
        number = self._line()
        for part in self._dotted():
            table = (*table, part)
            self.lines.setdefault(table, number)
        self._take("=")
        self._match(_SPACE)
        self._value(table)

    def _value(self, path: Key) -> None:
        self.lines.setdefault(path, self._line())
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            while self._blank() and not self._take("}"):
                if not self._take(","):
                    self._pair(path)
        elif not self._string():
            self._match(_PLAIN_VALUE)

    def _items(self, path: Key) -> None:
        index = 0
        while self._blank() and not self._take("]"):
            if self._take(","):
                index += 1
            else:
                self._value((*path, index))

    def _dotted(self) -> list[str]:
        parts = []
        while True:
            self._match(_SPACE)
            parts.append(self._string()[1:-1] or self._match(_BARE))
            self._match(_SPACE)
            if not self._take("."):
                return parts

    def _string(self) -> str:
        for quote, pattern in _STRINGS.items():
            if self.text.startswith(quote, self.at):
                return self._match(pattern)
        return ""

    def _blank(self) -> bool:
        """Skip what is empty; whether anything follows."""
        self._match(_BLANK)
        return self.at < len(self.text)

    def _take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None, "only text that is TOML can be scanned"
        self.at = found.end()
        return found.group()

    def _line(self) -> int:
        return bisect_left(self._ends, self.at) + 1
