"""A value that is not known yet: work starts at once, who needs the value waits for it, as often as he likes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """Starts ``work`` when it is made, inside a running loop; awaiting it gives the value or raises what was raised.

    Who stops waiting does not stop the work.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._task = asyncio.get_running_loop().create_task(work)

    @property
    def done(self) -> bool:
        return self._task.done()

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.shield(self._task).__await__()
