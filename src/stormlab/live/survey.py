"""What a service that is running already can do, found out from outside: its time for one request, and its capacity.

First one request after another: the mean and the spread of the time that one takes. Then 1, 2, 4, … callers at once,
each asking again as soon as it is answered, until more callers get no more answers, or some are turned away: that is
the capacity C. By Little's law as many requests are in work then as mean time × C, the number of workers of the model.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stormlab.errors import BadInput
from stormlab.scenario.external import Address

#: Requests one after another; s of asking at each number of callers; most callers at once.
ALONE, SECONDS, MOST = 30, 0.8, 64
#: More callers that get less than this many times the answers say that the service is full.
GAIN = 1.1
#: With these a service turns requests away that are too many for it; and how long a caller waits then, in s.
SHED, PAUSE = (429, 503), 0.02
#: One request may take so long, in s.
PATIENCE = 10.0
#: The spread of the model is at least this: a measurement of nothing but the same would be suspicious.
LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """``mean`` s and coefficient of variation ``spread`` of one request alone; ``capacity`` answers/s at ``callers``.

    ``saturated`` says whether more callers got no more answers; else the capacity is larger than that.
    """

    mean: float
    spread: float
    capacity: float
    callers: int
    saturated: bool

    @property
    def workers(self) -> int:
        """How many requests are in work at full capacity, at least one."""
        return max(1, round(self.mean * self.capacity))

    @property
    def service_time(self) -> float:
        """The mean service time in s with which so many workers have this capacity."""
        return self.workers / self.capacity


def survey(address: Address) -> Survey:
    """Ask the service at ``address`` for some seconds.

    Raises:
        BadInput: it does not answer, or with an error; the message says with which.
    """
    with ThreadPoolExecutor(1) as elsewhere:  # a notebook has a running loop in this thread
        return elsewhere.submit(asyncio.run, _survey(address)).result()


async def _survey(address: Address) -> Survey:
    alone = [await _ask(address) for _ in range(ALONE)]
    mean = statistics.fmean(alone)
    spread = max(LEAST_SPREAD, statistics.stdev(alone) / mean)
    best, callers, saturated = 0.0, 1, False
    while callers <= MOST and not saturated:
        rate, shed = await _rate(address, callers)
        saturated = callers > 1 and (shed or rate < GAIN * best)
        best, callers = max(best, rate), callers * 2
    return Survey(mean=mean, spread=spread, capacity=best, callers=callers // 2, saturated=saturated)


async def _rate(address: Address, callers: int) -> tuple[float, bool]:
    """Answers per s to so many callers at once, and whether some were turned away."""
    began = time.monotonic()
    answers, shed = 0, False

    async def caller() -> None:
        nonlocal answers, shed
        while time.monotonic() - began < SECONDS:
            try:
                await _ask(address)
                answers += 1
            except _ShedError:
                shed = True
                await asyncio.sleep(PAUSE)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answers / (time.monotonic() - began), shed


class _ShedError(BadInput):
    """The service turned a request away."""


async def _ask(address: Address) -> float:
    """Seconds that one request takes, on a connection of its own."""
    began = time.monotonic()
    try:
        status = await asyncio.wait_for(_exchange(address), PATIENCE)
    except (OSError, TimeoutError, ValueError, IndexError) as error:
        raise BadInput(f"{address}: no answer ({error or type(error).__name__}); start the service first") from None
    if status in SHED:
        raise _ShedError(f"{address}: turns requests away with {status}; wait until it is at rest, then ask again")
    if status >= 400:
        raise BadInput(f"{address}: answers with {status}; name a path that it serves")
    return time.monotonic() - began


async def _exchange(address: Address) -> int:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        head = f"GET {address.path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("ascii"))
        line = await reader.readline()
        while await reader.read(1 << 16):
            pass
        return int(line.split()[1])
    finally:
        writer.close()
