"""What goes on beside the page of the console."""

from __future__ import annotations

import asyncio
import logging

import pytest

from stormlab.console.serving import kept_up


def test_a_job_that_fails_is_told_and_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[int] = []

    async def job() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise KeyError("a page without a name")

    with caplog.at_level(logging.ERROR):
        asyncio.run(kept_up(job, pause=0))
    assert begun == [0, 1, 2]
    assert caplog.text.count("KeyError: 'a page without a name'") == 2


def test_a_job_that_is_cancelled_stays_so() -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(kept_up(asyncio.Event().wait))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    assert asyncio.run(cancelled())
