"""Free loopback ports, taken ones, and whether something listens on one."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections import deque
from collections.abc import Iterable

from stormlab.errors import BadInput

HOST = "127.0.0.1"
#: The first of the ports that Linux gives to outgoing connections.
_EPHEMERAL = 32_768
#: Ports that were given out stay bound on Linux by these files, the last hundred of them and all that were given with
#: the last one. The system gives them to nobody else then, also in other processes, but servers, which set
#: SO_REUSEADDR, may listen there.
_HELD: deque[int] = deque()
_MOST_HELD = 100


def free(count: int) -> list[int]:
    """``count`` different ports on which nothing listens; they are the caller's until a hundred others were given.

    Who needs more than a hundred asks for all of them at once.
    """
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind((HOST, 0))
    numbers = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _HELD.append(sock.detach())
    held = max(_MOST_HELD, count) if sys.platform == "linux" else 0
    while len(_HELD) > held:
        os.close(_HELD.popleft())
    return numbers


def block(count: int, *, start: int = 20_000) -> int:
    """The first of ``count`` consecutive free ports from ``start`` on, below those that systems give out by themselves.

    Raises:
        BadInput: there are none.
    """
    for base in range(start, _EPHEMERAL - count, count):
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise BadInput(f"no {count} consecutive ports are free between {start} and {_EPHEMERAL} on {HOST}")


def answers(port: int) -> bool:
    """Whether a connection to ``port`` is accepted."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
        return True
    return False


def refuse_taken(numbers: Iterable[int], *, remedy: str) -> None:
    """Raises BadInput, naming them, when some of the ports cannot be had."""
    taken = ", ".join(str(port) for port in numbers if not _is_free(port))
    if taken:
        raise BadInput(f"taken on {HOST}: port {taken}; {remedy}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
