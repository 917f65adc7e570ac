"""Health checks: status, time limits, failures, keeping; and the local ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.common.asgi import Message
from services.common.health import Check, Checkup, Finding, Status, health_page
from services.common.local_checks import folder_check, local_checks, memory_share, open_file_share, share_check


def constant(status: Status, detail: str = "") -> Callable[[], Awaitable[Finding]]:
    async def ask() -> Finding:
        return Finding(status, detail)

    return ask


def page_of(checkup: Checkup) -> tuple[int, Any]:
    sent: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {}

        await health_page(checkup)({}, receive, send)

    asyncio.run(run())
    return sent[0]["status"], json.loads(sent[1]["body"])


def found(ask: Callable[[], Awaitable[Finding]]) -> Finding:
    async def run() -> Finding:
        return await ask()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 200),
        ([Status.HEALTHY, Status.HEALTHY], 200),
        ([Status.HEALTHY, Status.WARNING], 429),
        ([Status.FAILING, Status.WARNING], 503),
    ],
)
def test_the_worst_check_decides(statuses: list[Status], code: int) -> None:
    checks = [Check(name=str(number), ask=constant(status)) for number, status in enumerate(statuses)]
    assert page_of(Checkup(checks))[0] == code


def test_the_body_names_each_check() -> None:
    checks = [Check(name="good", ask=constant(Status.HEALTHY)), Check(name="bad", ask=constant(Status.FAILING, "why"))]
    assert page_of(Checkup(checks))[1] == {
        "status": "failing",
        "checks": {"good": {"status": "healthy", "detail": ""}, "bad": {"status": "failing", "detail": "why"}},
    }


def test_a_check_that_hangs_or_raises_is_failing_and_hurts_no_other() -> None:
    async def hang() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    async def broken() -> Finding:
        raise OSError("no route")

    checks = [
        Check(name="hangs", ask=hang, timeout=0.01),
        Check(name="raises", ask=broken),
        Check(name="good", ask=constant(Status.HEALTHY)),
    ]
    findings = asyncio.run(Checkup(checks).findings())
    assert findings["hangs"] == Finding(Status.FAILING, "no answer within 0.01 s")
    assert findings["raises"] == Finding(Status.FAILING, "no route")
    assert findings["good"].status is Status.HEALTHY


def test_checks_are_asked_at_the_same_time() -> None:
    async def run() -> None:
        together = asyncio.Barrier(2)

        async def meet() -> Finding:
            await together.wait()
            return Finding(Status.HEALTHY)

        checkup = Checkup([Check(name=name, ask=meet) for name in "ab"])
        assert await checkup.status() is Status.HEALTHY

    asyncio.run(run())


def test_findings_are_kept_and_shared() -> None:
    async def run() -> None:
        asked, now = 0, 0.0

        async def ask() -> Finding:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0)
            return Finding(Status.HEALTHY)

        checkup = Checkup([Check(name="a", ask=ask)], keep=1.0, clock=lambda: now)
        await asyncio.gather(*(checkup.findings() for _ in range(10)))
        assert asked == 1
        now = 1.0
        await checkup.findings()
        assert asked == 2

    asyncio.run(run())


def test_the_folder_is_written_and_read(tmp_path: Path) -> None:
    assert found(folder_check(tmp_path)) == Finding(Status.HEALTHY)
    assert list(tmp_path.iterdir()) == []
    missing = found(folder_check(tmp_path / "missing"))
    assert missing.status is Status.FAILING
    assert "missing" in missing.detail


@pytest.mark.parametrize(
    ("share", "status"), [(0.1, Status.HEALTHY), (0.8, Status.WARNING), (0.95, Status.FAILING), (1.0, Status.FAILING)]
)
def test_a_share_is_judged(share: float, status: Status) -> None:
    assert found(share_check(lambda: share, "used")).status is status


def test_shares_are_shares_and_open_files_are_counted(tmp_path: Path) -> None:
    assert 0 < memory_share() < 1
    before = open_file_share()
    files = [(tmp_path / str(number)).open("w") for number in range(50)]
    assert open_file_share() > before
    for file in files:
        file.close()


def test_this_machine_is_not_failing(tmp_path: Path) -> None:
    assert asyncio.run(Checkup(local_checks(tmp_path)).status()) is not Status.FAILING
