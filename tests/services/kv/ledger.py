"""What writers were told, key by key, and whether a store agrees with it after a crash."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=20)
#: s a writer waits after a refusal.
_PATIENCE = 0.02
_VALUES = b"\x00\n \xf5KV\nvalue"


class Lost(AssertionError):
    """The store contradicts what it had acknowledged."""


@dataclass(slots=True)
class Register:
    """One key with one writer: what was acknowledged last and what may have happened since (``None`` is absence).

    ``possible`` are writes that were cut off without an answer, ``refused`` those that were answered with 503.
    """

    key: str
    acknowledged: bytes | None = None
    possible: list[bytes | None] = field(default_factory=list)
    refused: list[bytes | None] = field(default_factory=list)

    def check(self, found: bytes | None) -> None:
        """Takes ``found`` as the truth from now on.

        Raises:
            Lost: it is neither acknowledged nor possible.
        """
        if found not in (self.acknowledged, *self.possible, *self.refused):
            raise Lost(f"{self.key}: found {found!r}, acknowledged {self.acknowledged!r}, possible {self.possible!r}")
        self.settle(found)

    def settle(self, value: bytes | None) -> None:
        """The key holds ``value``; whatever may have happened before is history."""
        self.acknowledged, self.possible, self.refused = value, [], []


@dataclass(slots=True)
class Account:
    """One number with one writer: credits acknowledged, and the one whose outcome is not known."""

    key: str
    credited: int = 0
    number: int = 0
    open: bool = False


@dataclass(slots=True)
class Ledger:
    """Concurrent writers against one service, and the comparison after its death.

    Args:
        writers: concurrent ones, each with a register and an account of its own.
    """

    writers: int
    rng: random.Random
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    _registers: list[Register] = field(init=False)
    _accounts: list[Account] = field(init=False)

    def __post_init__(self) -> None:
        self._registers = [Register(f"r{number}") for number in range(self.writers)]
        self._accounts = [Account(f"a{number}") for number in range(self.writers)]

    async def write(self, address: str, stopped: Callable[[], bool]) -> None:
        """Writes from all writers until ``stopped`` says so or the service is gone."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(
                *(self._write(session, address, register, stopped) for register in self._registers),
                *(self._credit(session, address, account, stopped) for account in self._accounts),
            )

    def recovered(self) -> None:
        """The service has its log again, so that what it refused is not there and never will be."""
        for register in self._registers:
            register.refused.clear()

    async def verify(self, address: str) -> None:
        """Compares everything with what the service holds; outcomes that were not known become known.

        Raises:
            Lost: the service contradicts what was acknowledged.
        """
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            for register in self._registers:
                register.check(await read(session, address, register.key))
            for account in self._accounts:
                if account.open:
                    await self._credit_once(session, address, account)
                found = await read(session, address, account.key)
                if int(found or b"0") != account.credited:
                    raise Lost(f"{account.key}: found {found!r}, {account.credited} credits were acknowledged")

    async def _write(
        self, session: aiohttp.ClientSession, address: str, register: Register, stopped: Callable[[], bool]
    ) -> None:
        while not stopped():
            value = None if self.rng.random() < 0.2 else _VALUES * self.rng.randrange(20) + self.rng.randbytes(8)
            url = f"{address}/v1/{register.key}"
            try:
                request = session.delete(url) if value is None else session.put(url, data=value)
                async with request as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                register.possible.append(value)
                self.unknown += 1
                return
            if self._settle(status):
                register.settle(value)
            else:
                register.refused.append(value)
                await asyncio.sleep(_PATIENCE)

    async def _credit(
        self, session: aiohttp.ClientSession, address: str, account: Account, stopped: Callable[[], bool]
    ) -> None:
        while not stopped():
            try:
                await self._credit_once(session, address, account)
            except (aiohttp.ClientError, TimeoutError):
                self.unknown += 1
                return

    async def _credit_once(self, session: aiohttp.ClientSession, address: str, account: Account) -> None:
        """Credits 1 under the account's current transaction id, which stays the same until it is acknowledged."""
        account.open = True
        body = {"amount": 1, "transactionID": f"{account.key}-{account.number}"}
        async with session.post(f"{address}/v1/{account.key}/credit", json=body) as answer:
            status, text = answer.status, await answer.text()
        if not self._settle(status):
            await asyncio.sleep(_PATIENCE)
        else:
            account.credited, account.number, account.open = account.credited + 1, account.number + 1, False
            if f'"balance": {account.credited},' not in text:
                raise Lost(f"{account.key}: answered {text}, {account.credited} credits were acknowledged")

    def _settle(self, status: int) -> bool:
        """Whether the write was acknowledged, not refused."""
        if status not in (200, 201, 204, 503):
            raise Lost(f"an unexpected status {status}")
        self.acknowledged += status != 503
        self.refused += status == 503
        return status != 503


async def read(session: aiohttp.ClientSession, address: str, key: str) -> bytes | None:
    """The value under ``key``; ``None`` when there is none."""
    async with session.get(f"{address}/v1/{key}") as answer:
        if answer.status not in (200, 404):
            raise Lost(f"reading {key} answered {answer.status}")
        return await answer.read() if answer.status == 200 else None
