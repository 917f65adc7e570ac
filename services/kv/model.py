"""What callers want done, what came of it, and what can go wrong: the vocabulary of the key-value core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from stormlab.errors import StormlabError


class StoreError(StormlabError):
    """The store did not do what was asked."""


class NoSuchKey(StoreError):
    """Nothing is stored under this key."""


class InvalidKey(StoreError):
    """The key is empty, too long or no Unicode."""


class ValueTooLarge(StoreError):
    """The value is longer than the store takes."""


class InvalidCredit(StoreError):
    """The amount or the transaction id cannot be used."""


class CreditRefused(StoreError):
    """What is stored, or what the transaction id was used for before, stands against the credit."""


class LogUnavailable(StoreError):
    """The transaction log cannot be used now; nothing was changed."""


class LogCorrupt(StoreError):
    """The transaction log is damaged; the message names the place."""


class BackingOverloaded(StoreError):
    """The backing store behind the cache has more reads waiting than it takes."""


@dataclass(frozen=True, slots=True)
class Put:
    """Store ``value`` under ``key``."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Forget ``key``."""

    key: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Add ``amount`` to the whole number under ``key`` (0 when there is none), once per ``transaction``."""

    key: str
    amount: int
    transaction: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Remember that ``credit`` was done and gave ``balance``; only snapshots hold it."""

    credit: Credit
    balance: int


Write: TypeAlias = Put | Delete | Credit | Settled


@dataclass(frozen=True, slots=True)
class Event:
    """A write with its place in history; sequence numbers strictly increase."""

    sequence: int
    write: Write


class Applied(NamedTuple):
    """What a write came to.

    ``existed``: the key was there before. ``balance`` after a credit; ``duplicate``: its transaction had been done
    before. ``refusal``: why nothing was changed.
    """

    existed: bool = False
    balance: int = 0
    duplicate: bool = False
    refusal: StoreError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Longest ``key`` and ``transaction`` id in characters (a document cannot count bytes), ``value`` in bytes.

    ``transactions`` is how many transaction ids are remembered, newest first.
    """

    key: int = 1024
    value: int = 1 << 20
    transaction: int = 256
    transactions: int = 100_000
