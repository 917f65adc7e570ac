"""Toxics as values: what can be done to the bytes of one direction of a connection.

Inside stormlab durations are in s, rates in bytes/s and sizes in bytes. The HTTP API of Toxiproxy speaks whole ms, µs
and KB/s (1 KB = 1000 bytes); `to_api` and `from_api` convert at that edge. Names, defaults and meanings are those of
Toxiproxy 2.12 (github.com/Shopify/toxiproxy, README and ``toxics/``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from stormlab.errors import InvalidValue
from stormlab.policies.checks import fraction, not_negative


class Stream(StrEnum):
    """Which way the bytes flow: ``upstream`` is from the client to the server, ``downstream`` is back."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True)
class Unit:
    """What the API counts an attribute in; ``size`` is one of it in s or bytes."""

    name: str
    size: float

    def count(self, value: float) -> int:
        return round(value / self.size)

    def value(self, count: int) -> float:
        return count * self.size


MILLISECOND: Final = Unit("ms", 1e-3)
MICROSECOND: Final = Unit("µs", 1e-6)
KILOBYTE_PER_SECOND: Final = Unit("KB/s", 1000)
BYTE: Final = Unit("byte", 1)


def _quantity(unit: Unit) -> Any:
    return field(default=0, metadata={"unit": unit})


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """What all toxics have.

    ``name`` is unique on its proxy and defaults to ``<kind>_<stream>``. ``toxicity`` is the share of connections that
    are affected, 0 to 1; it is drawn once per connection, never per request.

    Raises `InvalidValue` for a value that is negative, not finite, or too small for the API to express.
    """

    kind: ClassVar[str] = ""

    name: str = ""
    stream: Stream = Stream.DOWNSTREAM
    toxicity: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"{self.kind}_{self.stream}")
        fraction("toxicity", self.toxicity)
        for attribute, unit in self.quantities():
            value = getattr(self, attribute)
            not_negative(attribute, value)
            if value > 0 and unit.count(value) == 0:
                raise InvalidValue(attribute, f"{value:g} is less than half of the smallest step, 1 {unit.name}")

    @classmethod
    def quantities(cls) -> Iterator[tuple[str, Unit]]:
        """The attributes of this kind of toxic, each with the unit in which the API counts it."""
        return ((each.name, each.metadata["unit"]) for each in fields(cls) if "unit" in each.metadata)

    def attributes(self) -> dict[str, int]:
        """The attributes in the units of the API."""
        return {name: unit.count(getattr(self, name)) for name, unit in self.quantities()}

    def to_api(self) -> dict[str, object]:
        """The JSON object of the API."""
        return {
            "attributes": self.attributes(),
            "name": self.name,
            "type": self.kind,
            "stream": str(self.stream),
            "toxicity": self.toxicity,
        }

    def updated(self, body: Mapping[str, object]) -> Self:
        """This toxic with the ``attributes`` and the ``toxicity`` that ``body`` names; all else in it is ignored."""
        return replace(self, toxicity=_number(body, "toxicity", self.toxicity), **_attributes(type(self), body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noop(Toxic):
    """Change nothing."""

    kind: ClassVar[str] = "noop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Toxic):
    """Delay everything by ``latency`` ± ``jitter`` s; order is kept, and so is throughput."""

    kind: ClassVar[str] = "latency"

    latency: float = _quantity(MILLISECOND)
    jitter: float = _quantity(MILLISECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Toxic):
    """Let at most ``rate`` bytes/s through; 0 lets nothing through."""

    kind: ClassVar[str] = "bandwidth"

    rate: float = _quantity(KILOBYTE_PER_SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose(Toxic):
    """Hold back the end of the connection for ``delay`` s."""

    kind: ClassVar[str] = "slow_close"

    delay: float = _quantity(MILLISECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout(Toxic):
    """Swallow everything, and end the connection after ``timeout`` s without data; 0 holds it open for ever.

    Taking the toxic away ends the connections it held, since bytes are missing from them.
    """

    kind: ClassVar[str] = "timeout"

    timeout: float = _quantity(MILLISECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer(Toxic):
    """Break the connection with a TCP RST ``timeout`` s after the first data."""

    kind: ClassVar[str] = "reset_peer"

    timeout: float = _quantity(MILLISECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer(Toxic):
    """Cut data into pieces of ``average_size`` ± ``size_variation`` bytes, ``delay`` s apart; size 0 cuts nothing."""

    kind: ClassVar[str] = "slicer"

    average_size: int = _quantity(BYTE)
    size_variation: int = _quantity(BYTE)
    delay: float = _quantity(MICROSECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData(Toxic):
    """End the connection once ``bytes`` bytes have passed."""

    kind: ClassVar[str] = "limit_data"

    bytes: int = _quantity(BYTE)


KINDS: Final[Mapping[str, type[Toxic]]] = {
    each.kind: each for each in (Noop, Latency, Bandwidth, SlowClose, Timeout, ResetPeer, Slicer, LimitData)
}


def from_api(body: Mapping[str, object]) -> Toxic:
    """The toxic that a JSON object of the API describes; keys it does not know are ignored, as Toxiproxy does.

    Raises `InvalidValue`, whose ``field`` is the offending key.
    """
    name, kind = _text(body, "name", ""), _text(body, "type", "")
    toxicity = _number(body, "toxicity", 1.0)
    stream = _text(body, "stream", Stream.DOWNSTREAM).lower()
    if stream not in tuple(Stream):
        raise InvalidValue("stream", f"must be upstream or downstream, not {stream!r}")
    if kind not in KINDS:
        raise InvalidValue("type", f"must be one of {', '.join(KINDS)}, not {kind!r}")
    return KINDS[kind](name=name, stream=Stream(stream), toxicity=toxicity, **_attributes(KINDS[kind], body))


def _attributes(kind: type[Toxic], body: Mapping[str, object]) -> dict[str, Any]:
    given = body.get("attributes")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValue("attributes", f"must be an object, not {given!r}")
    known = {name: unit for name, unit in kind.quantities() if given.get(name) is not None}
    return {name: unit.value(_whole(given[name], f"attributes.{name}")) for name, unit in known.items()}


def _whole(value: object, place: str) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise InvalidValue(place, f"must be a whole number of 64 bits, not {value!r}")
    return value


def _number(body: Mapping[str, object], key: str, default: float) -> float:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(key, f"must be a number, not {value!r}")
    return value


def _text(body: Mapping[str, object], key: str, default: str) -> str:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidValue(key, f"must be a string, not {value!r}")
    return value
