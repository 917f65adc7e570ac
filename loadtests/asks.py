"""What the requests of each kind of user ask for, decided by two numbers between 0 and 1 that are drawn for each.

Drawing apart from deciding is what makes a request the same wherever it is sent from.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from loadtests.options import Settings


class Ask(NamedTuple):
    """One request: over HTTP ``target`` is a path, over gRPC a key."""

    method: str
    target: str
    body: bytes = b""


#: The request that two draws, each in [0, 1), decide on.
Choice: TypeAlias = Callable[[float, float], Ask]
Kind: TypeAlias = Callable[[Settings], Choice]


def key_of(number: int) -> str:
    return f"load-{number}"


def popularity(settings: Settings) -> Callable[[float], int]:
    """The number of the key that a draw decides on: rank r has a probability proportional to r^-skew."""
    count, skew = settings.keys, settings.skew
    if skew == 0:
        return lambda draw: int(draw * count)
    sums = list(accumulate(rank**-skew for rank in range(1, count + 1)))
    return lambda draw: bisect(sums, draw * sums[-1])


def value_of(settings: Settings) -> bytes:
    return b"x" * settings.value_bytes


def reads(settings: Settings) -> Choice:
    number = popularity(settings)
    return lambda _, draw: Ask("GET", f"/v1/{key_of(number(draw))}")


def writes(settings: Settings) -> Choice:
    number, value = popularity(settings), value_of(settings)
    return lambda _, draw: Ask("PUT", f"/v1/{key_of(number(draw))}", value)


def mixed(settings: Settings) -> Choice:
    read, write, share = reads(settings), writes(settings), settings.write_share
    return lambda first, second: (write if first < share else read)(first, second)


def hot_key(settings: Settings) -> Choice:
    """Reads of which the share ``hot_share`` is for one key, the first; the rest is spread evenly over all."""
    share, count = settings.hot_share, settings.keys
    return lambda first, second: Ask("GET", f"/v1/{key_of(0 if first < share else int(second * count))}")


def fibonacci(settings: Settings) -> Choice:
    ask = Ask("GET", f"/?n={settings.fibonacci_n}")
    return lambda _first, _second: ask


def browser(settings: Settings) -> Choice:
    """Through the gateway: seven reads, two numbers and one write in ten."""
    read, write = reads(settings), writes(settings)
    number = Ask("GET", f"/fibonacci?n={settings.fibonacci_n}")

    def choose(first: float, second: float) -> Ask:
        if first < 0.7:
            return read(first, second)
        return number if first < 0.9 else write(first, second)

    return choose


def over_grpc(kind: Kind) -> Kind:
    """The same requests for the gRPC front end: keys instead of paths."""

    def of(settings: Settings) -> Choice:
        choose = kind(settings)

        def ask(first: float, second: float) -> Ask:
            method, path, body = choose(first, second)
            return Ask(method, path.removeprefix("/v1/"), body)

        return ask

    return of
