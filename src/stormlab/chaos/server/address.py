"""TCP addresses as Toxiproxy writes them, ``host:port``, with its messages for those that are wrong."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

LOOPBACK = "127.0.0.1"


class AddressError(ValueError):
    """A text is not an address, or its host is not known."""


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str) -> Address:
    """The two parts of ``text``; no text or no host means the loopback address, no port means any.

    Toxiproxy takes a missing host for all interfaces; who wants that here says 0.0.0.0. Raises `AddressError`.
    """
    host, colon, port = text.rpartition(":")
    if text and not colon:
        raise AddressError(f"address {text}: missing port in address")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and bare == host:
        raise AddressError(f"address {text}: too many colons in address")
    if not port.isdecimal() and port:
        raise AddressError(f"lookup tcp/{port}: unknown port")
    if int(port or 0) > 65535:
        raise AddressError(f"address {port}: invalid port")
    return Address(bare or LOOPBACK, int(port or 0))


async def resolve(text: str) -> Address:
    """The address of ``text`` with its host as a number, IPv4 if there is one. Raises `AddressError`."""
    host, port = parse(text)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as problem:
        raise AddressError(f"lookup {host}: {getattr(problem, 'strerror', None) or problem}") from None
    addresses = sorted(found, key=lambda info: info[0] != socket.AF_INET)
    return Address(str(addresses[0][4][0]), port)
