"""The store: no HTTP, no gRPC, no file, no database.

A write is logged, made durable, applied to the map and only then acknowledged, in the order of the log; so whatever a
caller has read or been told survives a crash. Applying is deterministic: replaying the log gives the same map and
the same answers. Everything here belongs to one event loop.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from itertools import chain

from services.kv.model import (
    Applied,
    Credit,
    CreditRefused,
    Delete,
    Event,
    InvalidCredit,
    InvalidKey,
    Limits,
    LogUnavailable,
    NoSuchKey,
    Put,
    Settled,
    ValueTooLarge,
    Write,
)
from services.kv.ports import Committer, Reader

#: Amounts and balances stay below this, so that every adapter can hold them in 64 bits.
MAX_BALANCE = 1 << 63
_WHOLE = re.compile(rb"-?[0-9]{1,19}")
_NEW, _EXISTED = Applied(existed=False), Applied(existed=True)


class MapReader:
    """Reads straight from the map."""

    def __init__(self, values: MutableMapping[str, bytes]) -> None:
        self._values = values

    async def read(self, key: str) -> bytes | None:
        return self._values.get(key)

    def changed(self, key: str) -> None:
        """Nothing is kept, so nothing becomes stale."""


class Store:
    """Put, get, delete and credit, each with the effect of one however often it is repeated.

    Args:
        values: holds the data; only the store changes it.
        copies: hold the same, at every moment.
        reader: the read path, by default straight from ``values``.
    """

    def __init__(
        self,
        values: MutableMapping[str, bytes],
        *,
        limits: Limits | None = None,
        reader: Reader | None = None,
        copies: Sequence[MutableMapping[str, bytes]] = (),
    ) -> None:
        self._values, self._all = values, (values, *copies)
        self._reader = MapReader(values) if reader is None else reader
        self._settled: OrderedDict[str, Settled] = OrderedDict()
        self._committer: Committer | None = None
        self.limits = limits or Limits()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def is_open(self) -> bool:
        return self._committer is not None

    def restore(self, events: Iterable[Event]) -> int:
        """Applies the history, on top of what is there; how many events there were."""
        count = 0
        for event in events:
            self.apply(event.write)
            count += 1
        return count

    def clear(self) -> None:
        """Forgets everything, for a replay from the start."""
        for values in self._all:
            values.clear()
        self._settled.clear()

    def open(self, committer: Committer) -> None:
        """From now on the store answers, and writes go through ``committer``."""
        self._committer = committer

    async def put(self, key: str, value: bytes) -> bool:
        """Stores ``value`` under ``key``; whether the key is new.

        Raises:
            InvalidKey, ValueTooLarge, LogUnavailable
        """
        self._check_key(key)
        if len(value) > self.limits.value:
            raise ValueTooLarge(f"the value has {len(value)} bytes; {self.limits.value} are allowed")
        return not (await self._submit(Put(key, value))).existed

    async def get(self, key: str) -> bytes:
        """The value under ``key``.

        Raises:
            InvalidKey, NoSuchKey, LogUnavailable (the history has not been read yet)
        """
        self._check_key(key)
        if self._committer is None:
            raise LogUnavailable(_CLOSED)
        value = await self._reader.read(key)
        if value is None:
            raise NoSuchKey("no such key")
        return value

    async def probe(self) -> None:
        """Reads as `get` does, a key that cannot be; whatever the read path raises is raised."""
        await self._reader.read("")

    async def delete(self, key: str) -> bool:
        """Forgets ``key``; whether there was one.

        Raises:
            InvalidKey, LogUnavailable
        """
        self._check_key(key)
        return (await self._submit(Delete(key))).existed

    async def credit(self, key: str, amount: int, transaction: str) -> Applied:
        """Adds ``amount`` (1 to 2⁶³ - 1) to the whole number under ``key``, once per ``transaction``.

        A transaction that was done before changes nothing and is answered with the balance it gave then; the
        newest `Limits.transactions` are remembered.

        Raises:
            InvalidKey, InvalidCredit, CreditRefused, LogUnavailable
        """
        self._check_key(key)
        if not 0 < amount < MAX_BALANCE:
            raise InvalidCredit(f"the amount is {amount}; give a whole number from 1 to {MAX_BALANCE - 1}")
        if not _size(transaction) or len(transaction) > self.limits.transaction:
            raise InvalidCredit(f"the transaction id has 1 to {self.limits.transaction} characters")
        applied = await self._submit(Credit(key, amount, transaction))
        if applied.refusal is not None:
            raise applied.refusal
        return applied

    def apply(self, write: Write) -> Applied:
        """Changes the map as ``write`` says."""
        match write:
            case Put(key, value):
                existed = key in self._values
                self._set(key, value)
            case Delete(key):
                existed = self._values.pop(key, None) is not None
                for values in self._all[1:]:
                    values.pop(key, None)
            case Credit(key):
                return self._apply_credit(write)
            case Settled(credit):
                self._settled[credit.transaction] = write
                return _NEW
        self._reader.changed(key)
        return _EXISTED if existed else _NEW

    def snapshot(self) -> Iterator[Write]:
        """Writes that rebuild what is there now, whatever happens to the store while they are read."""
        values, settled = list(self._values.items()), list(self._settled.values())
        return chain((Put(key, value) for key, value in values), settled)

    def _apply_credit(self, credit: Credit) -> Applied:
        known = self._settled.get(credit.transaction)
        if known is not None:
            if known.credit != credit:
                return Applied(refusal=CreditRefused("the transaction id was used for another credit"))
            return Applied(balance=known.balance, duplicate=True)
        held = self._values.get(credit.key, b"0")
        if not _WHOLE.fullmatch(held):
            return Applied(refusal=CreditRefused("the value under the key is no whole number"))
        balance = int(held) + credit.amount
        if balance >= MAX_BALANCE:
            return Applied(refusal=CreditRefused(f"the balance would reach {MAX_BALANCE}"))
        self._set(credit.key, b"%d" % balance)
        self._reader.changed(credit.key)
        self._settled[credit.transaction] = Settled(credit, balance)
        if len(self._settled) > self.limits.transactions:
            self._settled.popitem(last=False)
        return Applied(balance=balance)

    def _set(self, key: str, value: bytes) -> None:
        for values in self._all:
            values[key] = value

    async def _submit(self, write: Write) -> Applied:
        if self._committer is None:
            raise LogUnavailable(_CLOSED)
        return await self._committer.submit(write)

    def _check_key(self, key: str) -> None:
        if not _size(key):
            raise InvalidKey("the key is empty" if not key else "the key is not valid Unicode")
        if len(key) > self.limits.key:
            raise InvalidKey(f"the key has {len(key)} characters; {self.limits.key} are allowed")


_CLOSED = "the history has not been read yet"


def _size(text: str) -> int:
    """Bytes of ``text`` as UTF-8; 0 when it cannot be written so."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0
