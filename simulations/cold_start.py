"""A function that is called seldom is always cold, and one that is called suddenly is cold for everybody.

An idle instance is kept for τ = 10 min after its last request; a request that finds none idle starts one, which takes
2 s before its own 10 ms. At λ requests/s that hardly overlap, a request is cold when none came in the τ before it:
P(cold) = e^(−λτ). So the 99th percentile is a cold start until λτ reaches ln 100 = 4.6 requests per keep-alive.
A burst of N at once starts N − w instances when w are idle: however busy the function is, concurrency that it has not
had yet is cold.

Model: McGrath, Brenner, "Serverless Computing: Design, Implementation, and Performance", 2017 (instances are reused
while warm and start on demand); the formula is that of Poisson arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.report import style

KEPT, START, WORK = 600.0, 2.0, 0.01
PER_WINDOW = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
CALLS = 40_000
BURST, PROVISIONED = 200, (0, 50, 150, 200)

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


def latencies(arrivals: Sequence[float], *, provisioned: int = 0) -> Numbers:
    """Seconds that each request takes; ``provisioned`` instances are never given up."""
    idle: list[float] = [math.inf] * provisioned
    busy: list[tuple[float, bool]] = []
    taken, permanent = [], provisioned
    for now in arrivals:
        done = [one for one in busy if one[0] <= now]
        busy = [one for one in busy if one[0] > now]
        idle.extend(math.inf if kept else ended + KEPT for ended, kept in done)
        idle = [expiry for expiry in idle if expiry > now]
        if idle:
            expiry = max(idle)
            idle.remove(expiry)
            needed, kept = WORK, math.isinf(expiry)
        else:
            needed, kept = START + WORK, False
        busy.append((now + needed, kept))
        taken.append(needed)
    assert sum(kept for _, kept in busy) + sum(math.isinf(one) for one in idle) == permanent
    return np.array(taken)


def steady(per_window: float, *, seed: int, calls: int = CALLS) -> Numbers:
    """Poisson arrivals, ``per_window`` = λτ of them per keep-alive."""
    gaps = np.random.default_rng(seed).exponential(KEPT / per_window, calls)
    return latencies(np.cumsum(gaps).tolist())


def cold_share(taken: Numbers) -> float:
    """Share of requests that had to start an instance."""
    return float((taken > START).mean())


def cold_by_formula(per_window: float) -> float:
    """e^(−λτ), with the time between an answer and the next request one service shorter than between arrivals."""
    return math.exp(-per_window * (KEPT + WORK) / KEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Latencies in s by requests per keep-alive, and of a burst by number of provisioned instances."""

    steady: Mapping[float, Numbers]
    burst: Mapping[int, Numbers]


def play(*, seed: int, calls: int = CALLS) -> Starts:
    """Everything once."""
    at_once = np.sort(np.random.default_rng(seed).uniform(0, 0.005, BURST)).tolist()
    return Starts(
        steady={rate: steady(rate, seed=seed + n, calls=calls) for n, rate in enumerate(PER_WINDOW)},
        burst={warm: latencies(at_once, provisioned=warm) for warm in PROVISIONED},
    )


def check(starts: Starts) -> None:
    """Assert the findings."""
    for rate, taken in starts.steady.items():
        chance = cold_by_formula(rate)
        error = 4.5 * math.sqrt(chance * (1 - chance) / len(taken)) + 1 / len(taken)
        assert abs(cold_share(taken) - chance) < error, f"{rate} per keep-alive"
        assert (np.quantile(taken, 0.99) > START) == (rate < math.log(100)), "the tail flips at ln 100"
    for warm, taken in starts.burst.items():
        assert round(cold_share(taken) * BURST) == BURST - warm, "whoever finds no idle instance starts one"


@style.in_house
def figure(starts: Starts) -> Figure:
    """How many are cold at a steady rate, the percentile that follows, and a burst."""
    drawn, (share, tail, burst) = panels(
        "Every hundredth request waits for a cold start until five arrive per keep-alive; "
        "in a burst everyone does who has no instance waiting",
        1,
        3,
        height=4.4,
    )
    rates = list(starts.steady)
    grid = np.linspace(0.1, 6.5, 100)
    share.plot(grid, [100 * cold_by_formula(rate) for rate in grid], color=style.INK, linestyle="--", linewidth=1.2)
    share.plot(rates, [100 * cold_share(taken) for taken in starts.steady.values()], "o", color=style.VERMILLION)
    share.text(1.7, 30, "e^(−λτ)", fontweight="bold")
    share.set(yscale="log", xlim=(0, 6.5), ylim=(0.1, 130), xlabel="requests per keep-alive, λτ")
    share.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    share.set_title("cold requests (%)")
    for quantile, colour in ((0.5, style.BLUE), (0.99, style.VERMILLION)):
        heights = [float(np.quantile(taken, quantile)) for taken in starts.steady.values()]
        tail.plot(rates, heights, "o-", color=colour, label=f"p{100 * quantile:.0f}")
    tail.axvline(math.log(100), color=style.MUTED, linestyle="--", linewidth=1)
    tail.text(4.75, 1.0, "ln 100", color=style.MUTED)
    tail.legend(loc="upper right")
    tail.set(xlim=(0, 6.5), ylim=(0, 2.6), xlabel="requests per keep-alive, λτ")
    tail.set_title("latency (s)")
    cold = [cold_share(taken) * BURST for taken in starts.burst.values()]
    burst.bar([str(warm) for warm in starts.burst], cold, color=style.VERMILLION)
    burst.set(ylim=(0, 1.1 * BURST), xlabel="instances provisioned")
    burst.set_title(f"cold requests in a burst of {BURST}")
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play all rates and bursts, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    starts = play(seed=chosen.seed, calls=CALLS)
    for rate, taken in starts.steady.items():
        print(f"{rate:>4g} per keep-alive: {cold_share(taken):7.3%} cold ({cold_by_formula(rate):7.3%} by formula), "
              f"p99 {np.quantile(taken, 0.99):.1f} s")  # fmt: skip
    for warm, taken in starts.burst.items():
        print(f"burst of {BURST}, {warm:>3} provisioned: {cold_share(taken) * BURST:.0f} cold")
    check(starts)
    chosen.save(figure(starts), "cold_start")


if __name__ == "__main__":
    main()
