"""Free loopback ports, and whether something listens on one."""

from __future__ import annotations

import contextlib
import socket

HOST = "127.0.0.1"


def free(count: int) -> list[int]:
    """``count`` different ports on which nothing listened a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((HOST, 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def answers(port: int) -> bool:
    """Whether a connection to ``port`` is accepted."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
        return True
    return False
