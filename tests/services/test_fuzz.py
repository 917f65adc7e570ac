"""Rubbish over the wire, for services that keep nothing: no traceback, no hang, no failure that was not meant."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.services.running import Program, programs

pytestmark = pytest.mark.live

PIECES = [
    b"GET", b"PUT", b"POST", b"FOO", b" ", b"/", b"/?n=3", b"/fibonacci?n=3", b"/fibonacci?n=%00", b"/v1/k",
    b"/v1/%ff", b"/v1/k/credit", b"*", b"http://x/v1/k", b"?n=1&n=2", b"#", b" HTTP/1.1", b" HTTP/9.9", b" HTTP/1.0",
    b"\r\n", b"\n", b"\x00", b"\xff", b"Host: x", b"Content-Length: 3", b"Content-Length: -1",
    b"Content-Length: 99999999999",
    b"Transfer-Encoding: chunked", b"Connection: upgrade", b"Expect: 100-continue", b"abc", b"5\r\nhello\r\n0\r\n\r\n",
    b"traceparent: 00-zz-1-1", b"x-stormlab-timeout-ms: nan", b"x-stormlab-timeout-ms: -1", b"x-stormlab-attempt: x",
]  # fmt: skip


@pytest.fixture(scope="module", params=["fibonacci", "gateway", "node"])
def service(request: pytest.FixtureRequest) -> Iterator[Program]:
    """The gateway has nobody behind it."""
    with programs() as start:
        running = start(request.param, body_timeout=1)
        yield running
        assert running.stop() == 0


def exchange(service: Program, request: bytes) -> bytes:
    """Everything that comes back until the service closes."""
    host, port = service.addresses["rest"].split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return answer


def check(found: bytes) -> None:
    """502 and 504 are what a gateway without upstreams has to say; a 500 or a traceback never is."""
    statuses = {int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]}
    assert statuses <= {200, 400, 404, 405, 408, 413, 502, 503, 504}, found
    assert b"Traceback" not in found


def test_rubbish_is_answered_or_cut_off(service: Program) -> None:
    rng = random.Random(7)
    for _ in range(200):
        check(exchange(service, b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12)))))
    assert httpx.get(service.public + "/livez").status_code == 200


def test_almost_good_requests_are_answered_or_cut_off(service: Program) -> None:
    rng = random.Random(8)
    for path in (b"/fibonacci?n=3", b"/?n=3", b"/v1/key"):
        for _ in range(60):
            head = bytearray(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for _ in range(rng.randrange(1, 4)):
                head[rng.randrange(len(head))] = rng.randrange(256)
            check(exchange(service, bytes(head)))
    assert httpx.get(service.public + "/livez").status_code == 200
