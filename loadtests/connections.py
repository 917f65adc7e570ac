"""Keep-alive HTTP/1.1 connections for greenlets that may be cut off at any moment.

HTTP clients with pools of their own retry silently on stale connections, which would falsify the count of attempts.
Here an exchange is tried exactly once, and a connection that was cut off in the middle is never used again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gevent import socket
from geventhttpclient.response import HTTPSocketResponse

from stormlab.telemetry import names

#: Idle connections kept per server.
IDLE = 256
NO_HEADERS: Mapping[str, str] = {}
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; ``retry_after`` is empty when the header is absent."""

    status: int
    body: bytes
    retry_after: str


class Connections:
    """Connections to one server, ``http://host:port``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        self._family, self._address = found[0][0], found[0][4]
        self._host = f"host: {parts.netloc}\r\n"
        self._idle: deque[socket.socket] = deque(maxlen=IDLE)

    def get(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
        """One GET, as :meth:`ask`."""
        return self.ask("GET", path, headers)

    def ask(self, method: str, path: str, headers: Mapping[str, str] = NO_HEADERS, body: bytes = b"") -> Answer:
        """One request; ``path`` is percent-encoded.

        Raises:
            OSError, HTTPConnectionClosed, ValueError: the connection was refused or broke, or what came is not HTTP.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
        return self._exchange(f"{method} {path} HTTP/1.1\r\n{self._host}{length}{lines}\r\n".encode("latin-1") + body)

    def _exchange(self, request: bytes) -> Answer:
        sock = self._connection()
        try:
            sock.sendall(request)
            response = HTTPSocketResponse(sock)
            body = bytes(response.read())
            answer = Answer(response.get_code(), body, _retry_after(response))
        except BaseException:
            sock.close()
            raise
        if response.should_keep_alive() and len(self._idle) < IDLE:
            self._idle.append(sock)
        else:
            sock.close()
        return answer

    def _connection(self) -> socket.socket:
        while self._idle:
            sock = self._idle.pop()
            if _still_open(sock):
                return sock
            sock.close()
        return self._connect()

    def _connect(self) -> socket.socket:
        """The address was resolved once: `create_connection` would ask a thread for it each time."""
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_CONNECT_SECONDS)
            sock.connect(self._address)
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock


def _retry_after(response: HTTPSocketResponse) -> str:
    """In s: exactly, where the server tells that, otherwise the whole s of HTTP; empty when it asks for nothing."""
    exact = str(response.get(names.RETRY_AFTER_HEADER) or "")
    return f"{int(exact) / 1000}" if exact.isdecimal() else str(response.get("retry-after") or "")


def _still_open(sock: socket.socket) -> bool:
    """An idle connection that has something to read was closed by the server, or is out of step."""
    sock.settimeout(0.0)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(None)
    return False
