"""Where settings come from beyond the process: files, and a key of a key-value service."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Generic

import structlog

from services.common.config_text import MAX_BYTES, parse_config
from services.common.layers import Layer
from services.common.settings import SOURCES, SettingsT, of_layers
from stormlab.errors import BadInput

#: s that the store may take for one answer.
STORE_TIMEOUT = 2.0
logger = structlog.get_logger()


class Unreachable(Exception):
    """The store does not answer; what it said last holds."""


class Sources(Generic[SettingsT]):
    """Local layers, and below them files and store as they were read last.

    Raises:
        BadInput: the local layers cannot be used.
    """

    def __init__(self, kind: type[SettingsT], local: Sequence[Layer]) -> None:
        self.kind, self._local = kind, list(local)
        base = of_layers(kind, self._local_of_sources())
        self.files = [Path(name.strip()) for name in base.config_file.split(",") if name.strip()]
        self.store, self.poll = _store_address(base.config_store), base.config_poll
        self._stored = b""
        self._digest = b""

    @property
    def any(self) -> bool:
        """Whether there is anything that can change."""
        return bool(self.files or self.store)

    def first(self) -> SettingsT:
        """The settings at the start; a store that does not answer counts as empty for now.

        Raises:
            BadInput: a file cannot be read, or what was read cannot be used.
        """
        contents = self._read_files()
        try:
            contents += self._read_store()
        except Unreachable as error:
            logger.warning("store of settings unreachable", error=str(error))
        self._digest = _digest(contents)
        return self._made(contents)

    def changed(self) -> SettingsT | None:
        """The settings now, or ``None`` when no content has changed since the last call; blocks on disk and network.

        Raises:
            BadInput: the new content cannot be used.
        """
        contents = self._read_files()
        try:
            contents += self._read_store()
        except Unreachable:
            contents += [(self.store, self._stored)] if self._stored else []
        digest = _digest(contents)
        if digest == self._digest:
            return None
        self._digest = digest
        return self._made(contents)

    def _made(self, contents: Sequence[tuple[str, bytes]]) -> SettingsT:
        files, store = list[Layer](), list[Layer]()
        for name, content in contents:
            layer = Layer(name, parse_config(content, name=name))
            misplaced = sorted(SOURCES & layer.values.keys())
            if misplaced:
                raise BadInput(f"{name}: {misplaced[0]} cannot stand here; use the command line or the environment")
            (store if name == self.store else files).append(layer)
        return of_layers(self.kind, [*self._local, *reversed(files), *store])

    def _local_of_sources(self) -> list[Layer]:
        """The local layers, cut down to the settings that say where others come from."""
        return [
            Layer(layer.origin, {name: value for name, value in layer.values.items() if name in SOURCES})
            for layer in self._local
        ]

    def _read_files(self) -> list[tuple[str, bytes]]:
        return [(str(path), _content(path)) for path in self.files]

    def _read_store(self) -> list[tuple[str, bytes]]:
        if not self.store:
            return []
        try:
            with urllib.request.urlopen(self.store, timeout=STORE_TIMEOUT) as answer:
                self._stored = answer.read(MAX_BYTES + 1)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise Unreachable(f"{self.store}: status {error.code}") from error
            self._stored = b""
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self.store}: {error}") from error
        return [(self.store, self._stored)] if self._stored else []


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"CONFIG_FILE: cannot read {path}: {error.strerror}") from error


def _store_address(text: str) -> str:
    if not text:
        return ""
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadInput("CONFIG_STORE: write http://HOST:PORT/v1/KEY, without user or password")
    return text


def _digest(contents: Sequence[tuple[str, bytes]]) -> bytes:
    made = hashlib.sha256()
    for name, content in contents:
        made.update(f"{name}\0{len(content)}\0".encode() + content)
    return made.digest()
