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
from stormlab.outcome import OVERLOAD_STATUSES
from stormlab.scenario.external import Address

#: Requests one after another: so many, or at least as many as fit into half of the patience and the fewest.
ALONE, FEWEST = 50, 10
#: The s of asking at each number of callers, or so many times what one request takes; most callers at once.
SECONDS, LEAST_TIMES, MOST = 0.8, 5, 64
#: Four times as many callers that get less than this many times the answers say that the service is full.
GAIN = 1.25
#: How long a caller waits that was turned away, in s.
PAUSE = 0.02
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
    alone = await _one_after_another(address)
    mean = statistics.fmean(alone)
    spread = max(LEAST_SPREAD, statistics.stdev(alone) / mean)
    seconds = max(SECONDS, LEAST_TIMES * mean)
    rates: list[float] = []
    callers, full = 1, False
    while callers <= MOST and not full:
        rate, shed = await _rate(address, callers, seconds)
        rates.append(rate)
        full = callers > 1 and (shed or (callers > 2 and rate < GAIN * rates[-3]))
        callers *= 2
    # the highest of several that are the same but for chance would be too high
    capacity = max(rates) if shed or not full else statistics.median(rates[-3:])
    return Survey(mean=mean, spread=spread, capacity=capacity, callers=callers // 2, saturated=full)


async def _one_after_another(address: Address) -> list[float]:
    """The s that each request took."""
    took: list[float] = []
    ends = time.monotonic() + PATIENCE / 2
    while len(took) < ALONE and (len(took) < FEWEST or time.monotonic() < ends):
        took.append(await _ask(address))
    return took


async def _rate(address: Address, callers: int, seconds: float) -> tuple[float, bool]:
    """Answers per s to so many callers at once within ``seconds``, and whether some were turned away."""
    ends = time.monotonic() + seconds
    answers, shed = 0, False

    async def caller() -> None:
        nonlocal answers, shed
        while time.monotonic() < ends:
            try:
                await _ask(address)
                answers += time.monotonic() < ends
            except _ShedError:
                shed = True
                await asyncio.sleep(PAUSE)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answers / seconds, shed


class _ShedError(BadInput):
    """The service turned a request away."""


async def _ask(address: Address) -> float:
    """Seconds that one request takes, on a connection of its own."""
    began = time.monotonic()
    try:
        status = await asyncio.wait_for(_exchange(address), PATIENCE)
    except (OSError, TimeoutError, ValueError, IndexError) as error:
        raise BadInput(f"{address}: no answer ({error or type(error).__name__}); start the service first") from None
    if status in OVERLOAD_STATUSES:
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
