"""A replica that does exactly what a test says, and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Peer:
    """``behave(number)`` gives status and body of request ``number`` (from 0); ``None`` cuts the connection."""

    behave: Callable[[int], tuple[int, bytes] | None]
    address: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def peer(behave: Callable[[int], tuple[int, bytes] | None]) -> Iterator[Peer]:
    """A server on a free loopback port."""
    made = Peer(behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if (length := int(self.headers.get("content-length", 0))) > 0:
                self.rfile.read(length)
            number = len(made.paths)
            made.paths.append(self.path)
            made.headers.append({key.lower(): value for key, value in self.headers.items()})
            said = made.behave(number)
            if said is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(said[0])
            self.send_header("content-length", str(len(said[1])))
            self.end_headers()
            self.wfile.write(said[1])

        do_PUT = do_DELETE = do_POST = do_GET

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
