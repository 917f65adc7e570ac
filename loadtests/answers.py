"""What policies say in the headers of a request, and what an HTTP answer says to the policies."""

from __future__ import annotations

import json
from collections.abc import Mapping

from geventhttpclient.response import HTTPConnectionClosed

from loadtests.connections import Answer, Connections
from stormlab.effects import PLAIN, Request
from stormlab.outcome import SUCCESS, Ending, Outcome, failure, overloaded
from stormlab.telemetry import names

#: What a connection may raise instead of an answer; a refused connection is an ``OSError``.
BROKEN = (OSError, HTTPConnectionClosed, ValueError)


def headers_of(request: Request, now: float) -> dict[str, str]:
    """Attempt number, time left and whatever the request says about itself; ``now`` is on its deadline's clock."""
    headers = {names.ATTEMPT_HEADER: str(request.attempt)}
    if request.deadline is not None:
        headers[names.DEADLINE_HEADER] = f"{max(0.0, request.deadline - now) * 1000:.0f}"
    if request.key:
        headers[names.KEY_HEADER] = request.key
    if request.caller:
        headers[names.CALLER_HEADER] = request.caller
    if request.priority != PLAIN.priority:
        headers[names.PRIORITY_HEADER] = str(request.priority)
    if request.effort != PLAIN.effort:
        headers[names.EFFORT_HEADER] = f"{request.effort:g}"
    if request.token:
        headers[names.IDEMPOTENCY_HEADER] = request.token
    return headers


def exchange(
    connections: Connections, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Outcome:
    """One attempt over HTTP, with its failures as outcomes."""
    try:
        return outcome_of(connections.ask(method, path, headers, body))
    except ConnectionRefusedError:
        return failure("connection-refused")
    except BROKEN:
        return failure("connection-lost")


def outcome_of(answer: Answer) -> Outcome:
    """What an HTTP answer means to the policies."""
    if answer.status < 400:
        return SUCCESS
    if answer.status == 409 and _reason(answer.body) == "conflict":
        return failure("conflict")
    if answer.status in (409, 429, 503):
        return overloaded(_reason(answer.body), _seconds(answer.retry_after))
    if answer.status >= 500:
        return failure(f"http-{answer.status}")
    return Outcome(Ending.INVALID, None, f"http-{answer.status}")


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body).get("reason", "overloaded"))
    except (ValueError, AttributeError):
        return "overloaded"


def _seconds(header: str) -> float | None:
    try:
        return float(header)
    except ValueError:
        return None
