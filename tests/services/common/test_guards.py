"""A service behind the guards of its settings, as a caller sees it, and what bad settings are told."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from services.common.settings import read_settings
from services.fibonacci.service import Fibonacci
from services.fibonacci.settings import FibonacciSettings
from stormlab.errors import BadInput
from stormlab.policies import CallerThrottle

THROTTLE = '[{"kind": "caller-throttle", "rate": 0.01, "burst": 2}]'


def settings(*flags: str) -> FibonacciSettings:
    return read_settings(FibonacciSettings, ["--otel-traces-exporter", "none", *flags], program="test")


def asked(service: Fibonacci, *paths: str, **headers: str) -> list[httpx.Response]:
    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(service.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            return list(await asyncio.gather(*(client.get(path) for path in paths)))

    return asyncio.run(main())


def test_a_throttled_service_answers_429_and_its_health_as_ever() -> None:
    service = Fibonacci(settings("--guards", THROTTLE))
    answers = asked(service, *["/?n=6"] * 3, "/livez", "/metrics")
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200]
    assert 90 < int(answers[2].headers["retry-after"]) <= 100
    assert service.parts.capacity.rejected == 1


def test_a_shedding_service_looks_at_its_own_queue() -> None:
    flags = ["--workers", "1", "--service-time", "fixed:0.5", "--guards", '[{"kind": "queue-shed", "limit": 1}]']
    answers = asked(Fibonacci(settings(*flags)), *["/?n=6"] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 503} == {"shed-queue"}


def test_a_service_with_codel_turns_away_who_waits_too_long() -> None:
    flags = [
        "--workers",
        "1",
        "--service-time",
        "fixed:0.5",
        "--queue-discipline",
        "codel",
        "--queue-interval",
        "0.7",
    ]
    service = Fibonacci(settings(*flags))
    answers = asked(service, *["/?n=6"] * 5)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 503, 503, 503]
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 503} == {"shed-delay"}
    assert (service.parts.capacity.rejected, service.parts.capacity.completions) == (3, 2)


def test_a_degraded_answer_costs_less_and_is_counted() -> None:
    flags = ["--workers", "9", "--service-time", "fixed:0.01", "--guards", '[{"kind": "degrade", "above": 1}]']
    service = Fibonacci(settings(*flags))
    assert [answer.status_code for answer in asked(service, *["/?n=6"] * 3)] == [200] * 3
    assert service.parts.capacity.degraded == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ("1", "1000")), ("2.5", ("3", "2500")), ("0", (None, None))],
    ids=["usual", "set", "off"],
)
@pytest.mark.parametrize("queue", [("--queue-limit", "1"), ("--queue-discipline", "codel", "--queue-interval", "0.01")])
def test_who_finds_no_place_is_told_when_to_come_back(
    queue: tuple[str, ...], seconds: str | None, said: tuple[str | None, str | None]
) -> None:
    flags = ["--workers", "1", "--service-time", "fixed:0.05", *queue]
    flags += ["--queue-retry-after", seconds] if seconds else []
    answers = asked(Fibonacci(settings(*flags)), *["/?n=6"] * 4)
    refused = [answer.headers for answer in answers if answer.status_code == 503]
    assert len(refused) >= 2
    assert {(one.get("retry-after"), one.get("x-stormlab-retry-after-ms")) for one in refused} == {said}


def test_a_caller_may_ask_for_less() -> None:
    service = Fibonacci(settings("--workers", "1", "--service-time", "fixed:0.05"))
    assert asked(service, "/?n=6", **{"x-stormlab-effort": "0.1"})[0].status_code == 200
    assert service.parts.capacity.service_seconds == pytest.approx(0.005)
    assert service.parts.capacity.degraded == 1


def test_settings_are_read_and_shown() -> None:
    read = settings("--guards", THROTTLE)
    assert read.guards == (CallerThrottle(rate=0.01, burst=2),)
    assert read.masked()["guards"][0]["kind"] == "caller-throttle"
    assert settings().guards == ()


@pytest.mark.parametrize("text", ["nonsense", '[{"kind": "retry"}]', '[{"kind": "queue-shed", "limit": 0}]'])
def test_bad_guards_are_refused_with_their_name(text: str) -> None:
    with pytest.raises(BadInput, match="GUARDS"):
        settings("--guards", text)
