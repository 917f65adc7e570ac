"""The ports of the key-value service: what adapters implement and what the core calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from services.kv.model import Applied, Event, Write


class TransactionLog(Protocol):
    """Whatever remembers writes. One thread at a time calls it, not always the same one."""

    #: Whether `commit` waits for a disk or a network and therefore needs a thread of its own.
    blocks: bool

    def events(self) -> Iterable[Event]:
        """All committed writes in order, for replay; to be exhausted before anything is written.

        Raises:
            LogUnavailable: not now; it may be called again.
        """
        ...

    def write_put(self, key: str, value: bytes) -> int:
        """Notes a put for the next commit; its sequence number."""
        ...

    def write_delete(self, key: str) -> int:
        """Notes a delete for the next commit; its sequence number."""
        ...

    def write_credit(self, key: str, amount: int, transaction: str) -> int:
        """Notes a credit for the next commit; its sequence number."""
        ...

    def commit(self) -> None:
        """Makes what was noted durable, all of it or nothing.

        Raises:
            LogUnavailable: nothing of it was or will be remembered.
        """
        ...

    def overgrown(self) -> bool:
        """Whether the history has become so long that `compact` is worth its while."""
        ...

    def compact(self, snapshot: Iterable[Write]) -> None:
        """Replaces the history by ``snapshot``, which has the same effect; a crash leaves one or the other.

        Raises:
            LogUnavailable: the history is as it was.
        """
        ...

    def probe(self) -> None:
        """Does what a commit does, and leaves nothing behind.

        Raises:
            LogUnavailable: a commit would fail.
        """
        ...

    def close(self) -> None:
        """Makes everything durable and lets go of the resources."""
        ...


class Committer(Protocol):
    """Turns a write into a durable and applied one."""

    async def submit(self, write: Write) -> Applied:
        """Logs and applies ``write``; what it came to.

        Raises:
            LogUnavailable: it was not done.
        """
        ...


class Reader(Protocol):
    """The read path: gives the value that is current at the moment at which it returns."""

    async def read(self, key: str) -> bytes | None:
        """The value under ``key``, or ``None``."""
        ...

    def changed(self, key: str) -> None:
        """The value under ``key`` is another one from now on."""
        ...
