"""Dynamic feature flags: functions of who is asking, as rules that settings can hold."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_BUCKETS = 10_000
#: RFC 1918 and RFC 4193; RFC 1122 and RFC 4291.
_NAMED = {
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "loopback": ("127.0.0.0/8", "::1/128"),
}


def _network(text: str) -> str:
    parsed(text)
    return text


#: ``private``, ``loopback``, or an address range such as ``203.0.113.0/24``.
Network = Annotated[str, Field(max_length=64), AfterValidator(_network)]


def parsed(text: str) -> tuple[IpNetwork, ...]:
    """The ranges that a network's name means.

    Raises:
        ValueError: it is neither a name nor a range.
    """
    return tuple(ipaddress.ip_network(each) for each in _NAMED.get(text, (text,)))


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether ``address`` lies in one of ``networks``; what is no address lies nowhere."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in each for text in networks for each in parsed(text))


class FlagRule(BaseModel):
    """For whom a flag is on: whoever meets one of the conditions.

    Args:
        networks: callers from these.
        percentage: of the users, 0 to 100; a user's answer stays the same, and stays on when the number grows.
        users: these by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: Annotated[tuple[Network, ...], Field(max_length=100)] = ()
    percentage: Annotated[float, Field(ge=0, le=100)] = 0.0
    users: Annotated[tuple[str, ...], Field(max_length=1000)] = ()

    def holds(self, *, flag: str, user: str | None, address: str | None) -> bool:
        """Whether the flag is on for this caller; who has no name is in no percentage below 100."""
        if user is not None and user in self.users:
            return True
        if self.percentage and position(flag, user) < self.percentage:
            return True
        return address is not None and within(address, self.networks)


def position(flag: str, user: str | None) -> float:
    """Where ``user`` stands among all users of ``flag``, 0 to below 100, evenly spread and always the same."""
    if user is None:
        return 100 - 100 / _BUCKETS
    digest = hashlib.blake2b(f"{flag}\0{user}".encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest) % _BUCKETS * 100 / _BUCKETS
