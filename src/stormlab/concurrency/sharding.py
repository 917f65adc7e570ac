"""Split one resource with one lock into several with one each, so that work on different keys rarely waits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from stormlab.policies.checks import count

Part = TypeVar("Part")


class Shards(Generic[Part]):
    """``number`` parts made by ``make``, each for the keys that hash to it, alike in every process.

    Raises:
        stormlab.errors.InvalidValue: ``number`` is below 1.
    """

    def __init__(self, number: int, make: Callable[[], Part]) -> None:
        count("number", number, least=1)
        self.parts = [make() for _ in range(number)]
        self._locks = [asyncio.Lock() for _ in range(number)]

    def index(self, key: str) -> int:
        """Which part ``key`` belongs to."""
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % len(self.parts)

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[Part]:
        """The part of ``key``, for nobody else until the end of the block."""
        index = self.index(key)
        async with self._locks[index]:
            yield self.parts[index]
