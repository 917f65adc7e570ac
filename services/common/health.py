"""Health checks of three kinds: alive, shallow (this process and its machine), deep (what it depends on).

Answers are 200 healthy, 429 warning, 503 failing, with a body that names each check. Checks of one page run at the
same time, each within its time limit, and the page is kept briefly so that probing costs little.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.common.asgi import App, Receive, Scope, Send, answer_json


class Status(StrEnum):
    """How a check turned out, from best to worst."""

    HEALTHY = "healthy"
    WARNING = "warning"
    FAILING = "failing"


_ORDER = list(Status)
_HTTP = {Status.HEALTHY: 200, Status.WARNING: 429, Status.FAILING: 503}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, with a word for people."""

    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A named question; one that raises, or takes longer than ``timeout`` s, is failing."""

    name: str
    ask: Callable[[], Awaitable[Finding]]
    timeout: float = 2.0

    async def find(self) -> Finding:
        try:
            async with asyncio.timeout(self.timeout):
                return await self.ask()
        except TimeoutError:
            return Finding(Status.FAILING, f"no answer within {self.timeout:g} s")
        except Exception as error:
            return Finding(Status.FAILING, str(error) or type(error).__name__)


class Checkup:
    """Checks that are asked together; the findings are kept for ``keep`` s."""

    def __init__(
        self, checks: Sequence[Check], *, keep: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks, self._keep, self._clock = checks, keep, clock
        self._found: dict[str, Finding] = {}
        self._until = float("-inf")
        self._asking = asyncio.Lock()

    async def findings(self) -> dict[str, Finding]:
        """What each check found; callers at the same time share one asking."""
        async with self._asking:
            if self._clock() >= self._until:
                found = await asyncio.gather(*(check.find() for check in self._checks))
                self._found = {check.name: finding for check, finding in zip(self._checks, found, strict=True)}
                self._until = self._clock() + self._keep
            return self._found

    async def status(self) -> Status:
        """The worst of the findings."""
        return worst(await self.findings())


def worst(findings: dict[str, Finding]) -> Status:
    return max((finding.status for finding in findings.values()), key=_ORDER.index, default=Status.HEALTHY)


async def alive(scope: Scope, receive: Receive, send: Send) -> None:
    """Liveness: the process listens and answers."""
    await answer_json(send, 200, {"status": Status.HEALTHY})


def health_page(checkup: Checkup) -> App:
    """The findings of ``checkup`` as JSON."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        findings = await checkup.findings()
        status = worst(findings)
        checks: dict[str, Any] = {
            name: {"status": finding.status, "detail": finding.detail} for name, finding in findings.items()
        }
        await answer_json(send, _HTTP[status], {"status": status, "checks": checks})

    return page
