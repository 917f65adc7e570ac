"""Small HTTP exchanges with the services a run has started: on loopback, one connection each, bounded in time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from stormlab.errors import StormlabError
from stormlab.live.ports import HOST


def exchange(
    method: str, port: int, path: str, body: bytes | None = None, *, seconds: float = 5.0
) -> tuple[int, bytes]:
    """Status and body of one exchange.

    Raises:
        OSError: nothing answers, or not in time.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request(method, path, body, {"connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(1 << 24)
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def command(method: str, port: int, path: str, value: Mapping[str, Any] | list[Any] | None = None) -> bytes:
    """Tell a service's administration port something; its answer.

    Raises:
        StormlabError: it refused, or does not answer.
    """
    body = json.dumps(value).encode() if value is not None else None
    try:
        status, answer = exchange(method, port, path, body)
    except OSError as error:
        raise StormlabError(f"{method} {path} on port {port}: {error}") from error
    if status >= 400:
        raise StormlabError(
            f"{method} {path} on port {port} was refused with {status}: {answer.decode(errors='replace')}"
        )
    return answer


def serves(port: int, path: str) -> bool:
    """Whether ``path`` is answered with 200."""
    try:
        return exchange("GET", port, path, seconds=1.0)[0] == 200
    except OSError:
        return False


def alive(port: int) -> bool:
    """Whether the service behind ``port`` says that it lives."""
    return serves(port, "/livez")


def ask(port: int, path: str) -> dict[str, Any]:
    """The JSON object that a service's administration port answers with.

    Raises:
        StormlabError: it does not answer, or not with one.
    """
    try:
        status, answer = exchange("GET", port, path)
        value: dict[str, Any] = json.loads(answer)
    except (OSError, ValueError) as error:
        raise StormlabError(f"GET {path} on port {port}: {error}") from error
    if status >= 400:
        raise StormlabError(f"GET {path} on port {port} was refused with {status}")
    return value
