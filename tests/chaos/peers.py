"""What stands on both sides of a proxy in these tests: servers of a few lines, and sockets that wait a bounded time."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 30.0
"""Seconds after which a test that still waits has failed."""

Serve = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the HTTP API answered; ``body`` is parsed if it is JSON."""

    status: int
    body: Any


def ask(url: str, method: str, path: str, body: object = None, *, agent: str = "stormlab-tests") -> Answer:
    """Call the API; ``body`` is sent as it is if it is text, else as JSON."""
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    request = urllib.request.Request(url + path, data, {"User-Agent": agent}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return Answer(status=response.status, body=_parsed(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(status=error.code, body=_parsed(error.read()))


def _parsed(data: bytes) -> Any:
    text = data.decode()
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


@contextmanager
def served(serve: Serve) -> Iterator[str]:
    """The address of a server that runs ``serve`` in a thread for each connection, and then closes it."""
    listener = socket.create_server((HOST, 0), backlog=1024)
    peers: list[socket.socket] = []

    def run(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(PATIENCE)
            serve(peer)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peers.append(peer)
                threading.Thread(target=run, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield "{}:{}".format(*listener.getsockname())
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
        for peer in peers:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            peer.close()


def echo(peer: socket.socket) -> None:
    while data := peer.recv(65536):
        peer.sendall(data)


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def receive(peer: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes, or what came before the end."""
    chunks = []
    while size > 0 and (data := peer.recv(min(size, 65536))):
        chunks.append(data)
        size -= len(data)
    return b"".join(chunks)


def receive_all(peer: socket.socket) -> bytes:
    """Everything until the end of the stream, however the connection ends."""
    chunks = []
    with suppress(ConnectionError):
        while data := peer.recv(65536):
            chunks.append(data)
    return b"".join(chunks)


def is_silent(peer: socket.socket, seconds: float) -> bool:
    """Whether neither data nor the end of the stream comes within ``seconds``."""
    peer.settimeout(seconds)
    try:
        peer.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        peer.settimeout(PATIENCE)


def is_refused(address: str) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False
