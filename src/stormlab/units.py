"""What a number measures, declared where the number is defined: documentation and time compression follow from it.

Every ``float`` of a policy or a scenario is one of these; a test refuses one that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias


@dataclass(frozen=True, slots=True)
class Unit:
    """A ``symbol`` for people, and the ``power`` of time in it: 1 for a duration, -1 for a rate, 0 for neither.

    Other powers are what they say: -4 for 1/s⁴, the growth of a rate with the cube of time.
    """

    symbol: str
    power: int


Seconds: TypeAlias = Annotated[float, Unit("s", 1)]
PerSecond: TypeAlias = Annotated[float, Unit("1/s", -1)]
KilobytesPerSecond: TypeAlias = Annotated[float, Unit("kB/s", -1)]
#: A ratio, a probability, a factor, a number of tokens.
Number: TypeAlias = Annotated[float, Unit("", 0)]
