"""The ASGI guard: what is refused never reaches the application, says why, and when to come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from stormlab.drivers.aio import Pipeline
from stormlab.drivers.asgi import AsgiGuard
from stormlab.drivers.server import EFFORT
from stormlab.outcome import Outcome
from stormlab.policies import CallerThrottle, ConcurrencyShed, Degrade, Idempotent, Policy
from stormlab.testing import run_in_virtual_time


class Site:
    """An application that takes a second for everything and counts what reached it."""

    def __init__(self, *policies: Policy, status: int = 200) -> None:
        self.reached = 0
        self.status = status
        self.refusals: list[Outcome] = []
        self.app = AsgiGuard(self._app, Pipeline(policies), refused=self.refusals.append)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        number, effort = self.reached, EFFORT.get()
        await asyncio.sleep(1)
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"x-number", b"%d" % number)]})
        await send({"type": "http.response.body", "body": b"%g" % effort})

    async def get(self, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "path": path, "headers": pairs, "client": ("127.0.0.1", 1)}
        await self.app(scope, None, send)  # type: ignore[arg-type]
        start, body = sent
        return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, body["body"]


def test_who_exceeds_his_share_gets_429_and_a_true_retry_after() -> None:
    site = Site(CallerThrottle(rate=0.4, burst=1))

    async def main() -> None:
        assert (await site.get(x_stormlab_caller="me"))[0] == 200
        status, headers, body = await site.get(x_stormlab_caller="me")
        assert (status, headers["retry-after"], json.loads(body)["reason"]) == (429, "2", "throttled")
        assert headers["x-stormlab-retry-after-ms"] == "1500"
        assert (await site.get(x_stormlab_caller="other"))[0] == 200
        await asyncio.sleep(1)
        assert (await site.get(x_stormlab_caller="me"))[0] == 200

    run_in_virtual_time(main())
    assert (site.reached, [outcome.reason for outcome in site.refusals]) == (3, ["throttled"])


def test_without_a_name_the_machine_is_the_caller() -> None:
    site = Site(CallerThrottle(rate=0.1, burst=1))
    assert [status for status, _, _ in run_in_virtual_time(_each(site, 2))] == [200, 429]


async def _each(site: Site, number: int, **headers: str) -> Sequence[tuple[int, dict[str, str], bytes]]:
    return [await site.get(**headers) for _ in range(number)]


def test_the_least_important_are_shed_first_and_health_is_not() -> None:
    site = Site(ConcurrencyShed(limit=4, reserve=0.5))

    async def main() -> list[int]:
        answers = await asyncio.gather(
            *(site.get(x_stormlab_priority="1") for _ in range(3)),
            site.get(x_stormlab_priority="0"),
            site.get("/livez", x_stormlab_priority="9"),
        )
        return [status for status, _, _ in answers]

    assert run_in_virtual_time(main()) == [200, 200, 503, 200, 200]


def test_a_degraded_request_is_asked_to_cost_less() -> None:
    site = Site(Degrade(above=1, effort=0.5))

    async def main() -> list[bytes]:
        return [body for _, _, body in await asyncio.gather(site.get(), site.get())]

    assert run_in_virtual_time(main()) == [b"1", b"0.5"]


def test_a_key_gets_the_same_answer_again_and_a_copy_meanwhile_409() -> None:
    site = Site(Idempotent())

    async def main() -> None:
        first, copy = await asyncio.gather(site.get(idempotency_key="k"), site.get(idempotency_key="k"))
        again = await site.get(idempotency_key="k")
        assert (first, copy[0]) == (again, 409)

    run_in_virtual_time(main())
    assert site.reached == 1


@pytest.mark.parametrize(("status", "reached"), [(500, 2), (503, 2), (404, 1)])
def test_failures_are_tried_again_and_pass_as_they_are(status: int, reached: int) -> None:
    site = Site(Idempotent(), status=status)
    answers = run_in_virtual_time(_each(site, 2, idempotency_key="k"))
    assert [answer[0] for answer in answers] == [status, status]
    assert site.reached == reached


def test_what_the_application_raises_comes_through_and_gives_the_permit_back() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    site = Site()
    site.app = AsgiGuard(broken, Pipeline([ConcurrencyShed(limit=1)]))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            run_in_virtual_time(site.get())


@pytest.mark.parametrize(
    ("sent", "effort"),
    [("0.25", b"0.05"), ("1", b"0.2"), ("-1", b"0.2"), ("1e9", b"0.2"), ("nan", b"0.2"), ("?", b"0.2")],
)
def test_what_the_caller_asks_for_is_degraded_further(sent: str, effort: bytes) -> None:
    site = Site(Degrade(above=0, effort=0.2))
    assert run_in_virtual_time(site.get(x_stormlab_effort=sent))[2] == effort
