"""Rubbish over the wire: never a 5xx, never a traceback, never a hung connection, and the service stays as it was."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import httpx
import pytest

from services.common.http_protocol import MAX_HEAD
from tests.services.kv.running import Running

pytestmark = pytest.mark.live

PIECES = [
    b"GET", b"PUT", b"POST", b"DELETE", b"FOO", b" ", b"/v1/k", b"/v1/", b"/v1/%zz", b"/v1/%ff", b"/v1/k/credit", b"*",
    b"http://x/v1/k", b"?a=b", b"#", b" HTTP/1.1", b" HTTP/9.9", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\x00", b"\xff",
    b"Host: x", b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: 99999999999", b"Content-Length: x",
    b"Transfer-Encoding: chunked", b"Connection: upgrade", b"Upgrade: websocket", b"Expect: 100-continue", b"abc",
    b"5\r\nhello\r\n0\r\n\r\n", b"ffffffff\r\n", b'{"amount": 1, "transactionID": "t"}', b"{",
    b"x-stormlab-timeout-ms: -inf", b"x-stormlab-timeout-ms: nan",
]  # fmt: skip


@pytest.fixture(scope="module")
def kv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("fuzz") / "kv.log", tlog_durability="never", body_timeout=1)
    yield running
    assert running.stop() == 0


def exchange(kv: Running, request: bytes, *, last_word: bool = True) -> bytes:
    """Everything that comes back until the service closes; with ``last_word`` the caller closes its side first."""
    host, port = kv.addresses["rest"].split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(request)
            if last_word:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_rubbish_is_the_fault_of_whoever_sent_it(kv: Running) -> None:
    rng = random.Random(3)
    seen: set[int] = set()
    for _ in range(400):
        found = exchange(kv, b"".join(rng.choices(PIECES, k=rng.randrange(1, 12))))
        assert b"Traceback" not in found
        assert all(status < 500 for status in statuses(found)), found
        seen.update(statuses(found))
    assert 400 in seen
    assert httpx.get(kv.public + "/healthz/deep").status_code == 200


def test_almost_good_requests_get_answers(kv: Running) -> None:
    rng = random.Random(5)
    for _ in range(300):
        head = bytearray(b"PUT /v1/key HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
        for _ in range(rng.randrange(1, 4)):
            head[rng.randrange(len(head))] = rng.randrange(256)
        found = exchange(kv, bytes(head))
        assert all(status < 500 for status in statuses(found)), (bytes(head), found)
        assert b"Traceback" not in found


@pytest.mark.parametrize("line", [b"GET /v1/" + b"x" * MAX_HEAD, b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD])
def test_a_head_without_end_is_cut_off(kv: Running, line: bytes) -> None:
    """It may be a reset: what was sent beyond the limit is not read any more."""
    assert exchange(kv, line + b"x" * 10, last_word=False) == b""


def test_a_body_that_does_not_come_is_408(kv: Running) -> None:
    host, port = kv.addresses["rest"].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"PUT /v1/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_pipelined_requests_are_answered_in_order(kv: Running) -> None:
    one = b"PUT /v1/p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d"
    requests = b"".join(one % number for number in range(5))
    last = b"GET /v1/p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    found = exchange(kv, requests + last, last_word=False)
    assert statuses(found) == [201, 204, 204, 204, 204, 200]
    assert found.endswith(b"4")
