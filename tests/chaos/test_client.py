"""What the control client says to whoever points it at the wrong place."""

from __future__ import annotations

import socket

import pytest

from stormlab.chaos.client import ToxiproxyClient
from stormlab.errors import BadInput
from tests.chaos.peers import Serve, served


def test_nobody_there(free_port: int) -> None:
    with pytest.raises(BadInput, match=rf"not answering at http://127.0.0.1:{free_port} .*: start it with"):
        ToxiproxyClient(f"http://127.0.0.1:{free_port}").version()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8474", "https://127.0.0.1:8474", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadInput, match=r"write it like http://127\.0\.0\.1:8474"):
        ToxiproxyClient(url)


def answering(answer: bytes) -> Serve:
    def serve(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer)

    return serve


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n<html>",
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b'HTTP/1.0 200 OK\r\n\r\n{"name": "something else"}',
    ],
)
def test_someone_else_there(answer: bytes) -> None:
    with served(answering(answer)) as address, pytest.raises(BadInput, match="is not Toxiproxy"):
        ToxiproxyClient(f"http://{address}").version()


def test_someone_there_who_says_nothing() -> None:
    def listen(peer: socket.socket) -> None:
        while peer.recv(65536):
            pass

    with served(listen) as address, pytest.raises(BadInput, match="not answering"):
        ToxiproxyClient(f"http://{address}", timeout=0.1).version()
