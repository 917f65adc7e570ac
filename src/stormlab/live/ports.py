"""Free loopback ports, taken ones, and whether something listens on one."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Iterable

from stormlab.errors import BadInput

HOST = "127.0.0.1"
#: The first of the ports that Linux gives to outgoing connections.
_EPHEMERAL = 32_768
#: Those given out lately: whoever asked for one may not listen on it yet.
_GIVEN: deque[int] = deque(maxlen=1000)


def free(count: int) -> list[int]:
    """``count`` different ports on which nothing listened a moment ago, and which this process was not given lately."""
    numbers: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(numbers) < count:
            sock = stack.enter_context(socket.socket())
            sock.bind((HOST, 0))
            if (port := int(sock.getsockname()[1])) not in _GIVEN:
                numbers.append(port)
    _GIVEN.extend(numbers)
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
