"""Words of the expression language, and complaints that say where in the text something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from stormlab.errors import BadInput

_TOKEN = re.compile(
    r"(?P<space>(?:\s|\#[^\n]*)+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)(?P<unit>\s*%|[A-Za-z]+)?"
    r"|(?P<name>[A-Za-z_][\w.-]*)"
    r"|(?P<mark>[(),;=*])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word: ``kind`` is number, name, mark or end; a number may carry a ``unit``; ``start`` counts characters."""

    kind: str
    text: str
    start: int
    unit: str = ""

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text + self.unit)


class Tokens:
    """The words of ``text`` with a place to read from. Raises ``BadInput`` for a character that starts no word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan())
        self._position = 0

    def peek(self, ahead: int = 0) -> Token:
        """The word to come, or one ``ahead`` of it; the end for ever after the last."""
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The word to come, which is then behind."""
        token = self.peek()
        self._position += 1
        return token

    def expect(self, text: str) -> None:
        """Take the word ``text``, or raise ``BadInput``."""
        token = self.take()
        if token.text != text:
            self.fail(token, f"{token} stands where {text!r} should", f"write {text!r} here")

    def place(self, token: Token) -> str:
        """Where ``token`` stands, for a reader: the column, and the line if there are several."""
        line = self._text.count("\n", 0, token.start) + 1
        column = token.start - self._text.rfind("\n", 0, token.start)
        return f"line {line}, column {column}" if "\n" in self._text.strip() else f"column {column}"

    def fail(self, token: Token, complaint: str, remedy: str) -> NoReturn:
        """Raise ``BadInput`` that names the place of ``token``, what is wrong there and what to do about it."""
        raise BadInput(f"{self.place(token)}: {complaint}; {remedy}")

    def _scan(self) -> Iterator[Token]:
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                stranger = Token("mark", self._text[position], position)
                self.fail(stranger, f"{stranger} means nothing here", "remove it")
            kind = next(kind for kind in ("space", "number", "name", "mark") if match[kind])
            if kind != "space":
                yield Token(kind, match[kind], position, match["unit"] or "")
            position = match.end()
        yield Token("end", "", len(self._text))
