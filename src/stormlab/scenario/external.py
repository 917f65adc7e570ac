"""The address of a service that somebody else runs: on this machine only, because storms are for one's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stormlab.errors import InvalidValue

_URL = re.compile(r"http://(?P<host>127\.0\.0\.1|localhost)(?::(?P<port>\d{1,5}))?(?P<path>/[!-~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where it listens and what is asked for."""

    port: int
    path: str
    host: str = "127.0.0.1"

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"


def address(url: str) -> Address:
    """The address that ``url`` names.

    >>> str(address("http://localhost:9000"))
    'http://127.0.0.1:9000/'

    Raises:
        InvalidValue: it is no plain HTTP address on this machine.
    """
    match = _URL.fullmatch(url)
    port = int(match["port"] or 80) if match else 0
    if match is None or not 0 < port < 65536:
        raise InvalidValue(
            "url",
            f"{url!r} is no http:// address on this machine, such as http://127.0.0.1:9000/path; "
            "for a service elsewhere, forward a local port to it",
        )
    return Address(port=port, path=match["path"] or "/")
