"""Clients that wait for answers hide the tail; clients that do not, meet it; and a timeout turns it into a collapse.

One first-come-first-served server with mean service time E[S], loaded to ρ = 0.8 in three ways:

- *open*: requests arrive at random at ρ/E[S], whatever happens. M/M/1 has P(T > t) = exp(−(μ−λ)t), so its 99.9th
  percentile is ln(1000)/(μ−λ);
- *closed*: 1 or 10 clients, each asking again a random think time after its answer, on average
  (1−ρ)E[S] + (n−1)E[S]/ρ. They cannot ask while they wait: whatever is slow also stops the load.

Services are exponential (0.1 ms), or bimodal (one in a thousand takes 10 ms), where the queue forms behind the long
ones: W = λE[S²]/(2(1−ρ)) + E[S]. If the open clients of the bimodal server ask again whenever an answer took more than
15 ms, the first queue of that length feeds itself. Times in ms.

Model: Brooker, brooker.co.za/blog/2023/05/10/open-closed.html; github.com/mbrooker/simulator_example (omission).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.report import style
from stormlab.sim.theory.queues import mm1_response_quantile

RHO = 0.8
TIMEOUT = 15.0
SPAN = 5_000.0
SEEDS = 10
REQUESTS = 400_000

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Exponential with ``usual`` ms, but for a share ``rare`` that is exponential with ``long`` ms."""

    usual: float = 0.1
    rare: float = 0.0
    long: float = 10.0

    @property
    def mean(self) -> float:
        return (1 - self.rare) * self.usual + self.rare * self.long

    @property
    def second_moment(self) -> float:
        return 2 * ((1 - self.rare) * self.usual**2 + self.rare * self.long**2)

    def draw(self, draws: np.random.Generator, count: int) -> Numbers:
        return draws.exponential(np.where(draws.random(count) < self.rare, self.long, self.usual))


EXPONENTIAL, BIMODAL = Service(), Service(rare=0.001)
SERVICES = {"exponential": EXPONENTIAL, "bimodal": BIMODAL}
CLIENTS = ("open", "10 closed", "1 closed")


def open_latencies(service: Service, *, requests: int, seed: int) -> Numbers:
    """Time in the system of each request, by Lindley's recursion."""
    draws = np.random.default_rng(seed)
    gaps = draws.exponential(service.mean / RHO, requests)
    sizes = service.draw(draws, requests)
    steps = np.concatenate(([0.0], np.cumsum(sizes[:-1] - gaps[1:])))
    waits: Numbers = steps - np.minimum.accumulate(steps)
    return waits + sizes


def closed_latencies(service: Service, clients: int, *, requests: int, seed: int) -> Numbers:
    """The same for ``clients`` who ask one at a time."""
    draws = np.random.default_rng(seed)
    think = (1 - RHO) * service.mean + (clients - 1) * service.mean / RHO
    pauses, sizes = draws.exponential(think, requests).tolist(), service.draw(draws, requests).tolist()
    asks = [0.0] * clients
    heapify(asks)
    free, latencies = 0.0, []
    for pause, size in zip(pauses, sizes, strict=True):
        asked = asks[0]
        free = max(free, asked) + size
        latencies.append(free - asked)
        heapreplace(asks, free + pause)
    return np.array(latencies)


def queue_lengths(service: Service, *, timeout: float, seed: int, span: float = SPAN) -> Numbers:
    """How many wait at the end of each ms when a request whose answer took longer than ``timeout`` is made again."""
    draws = np.random.default_rng(seed)
    due = np.cumsum(draws.exponential(service.mean / RHO, int(1.2 * span * RHO / service.mean)))
    arrivals = iter(due.tolist())
    sizes = iter(service.draw(draws, int(2.5 * span / service.mean)).tolist())
    following, free = next(arrivals), 0.0
    waiting: deque[float] = deque()
    lengths = np.zeros(int(span))
    while free < span:
        if not waiting:
            free = max(free, following)
            waiting.append(following)
            following = next(arrivals)
        asked = waiting.popleft()
        began, free = free, free + next(sizes)
        while following <= free:
            waiting.append(following)
            following = next(arrivals)
        if free - asked > timeout:
            waiting.append(free)
        lengths[int(began) : int(free) + 1] = len(waiting)
    return lengths


Latencies: TypeAlias = Mapping[str, Mapping[str, Numbers]]


def measure(*, seed: int, requests: int = REQUESTS) -> Latencies:
    """Latencies by service and kind of client."""
    return {
        name: {
            "open": open_latencies(service, requests=4 * requests, seed=seed),
            "10 closed": closed_latencies(service, 10, requests=requests, seed=seed),
            "1 closed": closed_latencies(service, 1, requests=requests, seed=seed),
        }
        for name, service in SERVICES.items()
    }


def check(latencies: Latencies, collapses: Mapping[float, Sequence[Numbers]]) -> None:
    """Assert the findings; ``collapses`` are queue lengths per seed by timeout."""
    for name, by_client in latencies.items():
        tails = [np.quantile(by_client[client], 0.99) for client in CLIENTS]
        assert tails[0] > 2 * tails[1] > 2 * tails[2], f"{name}: fewer clients that wait, less of a tail to see"
    for quantile in (0.5, 0.99, 0.999):
        measured = np.quantile(latencies["exponential"]["open"], quantile)
        theory = mm1_response_quantile(quantile, arrival_rate=10 * RHO, service_rate=10)
        assert abs(measured / theory - 1) < 0.1, "the open queue is M/M/1"
    for timeout, runs in collapses.items():
        ends = [run[-1] for run in runs]
        if math.isinf(timeout):
            assert max(ends) < 1_000, "without a timeout every queue drains"
        else:
            assert min(ends) > 10_000, "with one, every queue grows for ever"


@style.in_house
def figure(latencies: Latencies, collapses: Mapping[float, Sequence[Numbers]]) -> Figure:
    """Latency by percentile for both services; below, the queue with and without a timeout."""
    tails = {client: float(np.quantile(latencies["bimodal"][client], 0.999)) for client in CLIENTS}
    drawn, (exponential, bimodal, queue) = panels(
        f"A closed load test hides the tail (p99.9 of {tails['10 closed']:.0f} ms with 10 clients, "
        f"{tails['open']:.0f} with open traffic) and the collapse that a timeout brings",
        1,
        3,
        height=4.8,
    )
    for axes, (name, by_client) in zip((exponential, bimodal), latencies.items(), strict=True):
        _percentiles(axes, by_client)
        axes.set_title(f"latency (ms), {name} service")
        axes.set_ylim(0.05, 150)
    _queue(queue, collapses)
    return drawn


def _percentiles(axes: Axes, by_client: Mapping[str, Numbers]) -> None:
    nines = np.linspace(0.3, 3, 80)
    for (client, values), colour in zip(by_client.items(), (style.VERMILLION, style.PURPLE, style.BLUE), strict=True):
        heights = np.quantile(values, 1 - 10**-nines)
        axes.plot(nines, heights, color=colour, linewidth=2)
        axes.text(3.0, heights[-1] * 1.3, client, ha="right", color=colour, fontweight="bold")
    axes.set_yscale("log")
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_xticks([0.301, 1, 2, 3], ["p50", "p90", "p99", "p99.9"])
    axes.set_xlabel("percentile of requests")


def _queue(axes: Axes, collapses: Mapping[float, Sequence[Numbers]]) -> None:
    for timeout, runs in collapses.items():
        colour = style.BLUE if math.isinf(timeout) else style.VERMILLION
        for run in runs:
            axes.plot(np.arange(0, len(run), 20) / 1e3, run[::20] / 1e3, color=colour, linewidth=1)
    axes.text(
        0.15,
        30.5,
        f"asked again after {TIMEOUT:.0f} ms:\nall {SEEDS} runs collapse",
        color=style.VERMILLION,
        fontweight="bold",
    )
    axes.text(4.9, 1.2, "no timeout", ha="right", color=style.BLUE, fontweight="bold")
    axes.set(xlim=(0, SPAN / 1e3), ylim=(-0.5, 38), xlabel="time (s)")
    axes.set_title("queue (thousands), open, bimodal")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and collapse, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    latencies = measure(seed=chosen.seed, requests=REQUESTS)
    collapses = {
        timeout: [queue_lengths(BIMODAL, timeout=timeout, seed=chosen.seed + n) for n in range(SEEDS)]
        for timeout in (TIMEOUT, math.inf)
    }
    print(f"{'service':<12} {'clients':<10} {'mean':>7} {'p50':>7} {'p99':>7} {'p99.9':>7}   (ms)")
    for name, by_client in latencies.items():
        for client, values in by_client.items():
            numbers = [values.mean(), *np.quantile(values, (0.5, 0.99, 0.999))]
            print(f"{name:<12} {client:<10} " + " ".join(f"{number:>7.3f}" for number in numbers))
    for timeout, runs in collapses.items():
        ends = [run[-1] for run in runs]
        print(f"timeout {timeout:>4g} ms: {min(ends):,.0f} to {max(ends):,.0f} wait after {SPAN / 1e3:.0f} s")
    check(latencies, collapses)
    chosen.save(figure(latencies, collapses), "open_and_closed")


if __name__ == "__main__":
    main()
