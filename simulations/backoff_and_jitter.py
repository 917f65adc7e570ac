"""A thousand clients retry against a service that is down: waiting longer thins the storm out, jitter takes its peaks.

Only clients are modelled, and every request fails. Each of 1,000 instances starts within the first second and then
repeats for four minutes: send a request that takes d = U{0..99} + U{0..99} ms, then wait as its backoff says. A request
counts at its middle, d/2 after it was sent. Nothing feeds back, so the rates are those of the clients alone:

- none: 1000/0.099 = 10,101 requests/s for ever (renewal theorem);
- fixed 2 s: 1000/2.099 = 476/s on average, in waves that lose their crests slowly;
- exponential, 1 s to 60 s: nine requests per instance, but all instances together: bursts of up to the whole fleet;
- exponential with the book's jitter, 1 s + U[0, 3b): the same volume, spread out.

Model: "Cloud Native Go", chapter 9, github.com/cloud-native-go/examples (ch09/backoff-simulator).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.policies.backoff import Backoff, BookJitter, Exponential, Fixed, NoBackoff
from stormlab.report import style

INSTANCES = 1_000
SECONDS = 240

POLICIES: dict[str, Backoff] = {
    "no backoff": NoBackoff(),
    "fixed, 2 s": Fixed(delay=2.0),
    "exponential": Exponential(base=1.0, cap=60.0),
    "exponential + jitter": BookJitter(base=1.0, cap=60.0, floor=1.0),
}

Rates: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
Times: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


def requests_per_second(policy: Backoff, *, seed: int, instances: int = INSTANCES, seconds: int = SECONDS) -> Rates:
    """Requests of all ``instances`` in each second of a run."""
    waits, draws = random.Random(seed), np.random.default_rng(seed)
    times = np.concatenate([_instance(policy, waits, draws, seconds) for _ in range(instances)])
    return np.bincount(times[times < seconds].astype(int), minlength=seconds)


def _instance(policy: Backoff, waits: random.Random, draws: np.random.Generator, seconds: int) -> Times:
    """When the requests of one instance count, in s; some may lie beyond the end."""
    delays = policy.delays(waits)
    sent, middles, count = draws.random(), [], 8
    while sent < seconds:
        durations = draws.integers(0, 100, (2, count)).sum(axis=0) / 1e3
        cycles = durations + np.fromiter(islice(delays, count), float, count)
        starts = sent + np.concatenate(([0.0], np.cumsum(cycles)))
        middles.append(starts[:-1] + durations / 2)
        sent, count = starts[-1], min(2 * count, 512)
    return np.concatenate(middles)


def check(rates: Mapping[str, Rates]) -> None:
    """Assert the findings on one run of every policy."""
    none, fixed, exponential, jitter = (rates[name] for name in POLICIES)
    assert none.mean() >= 20 * fixed.mean(), "a fixed delay divides the load by twenty"
    assert exponential.sum() == 9 * INSTANCES, "exponential backoff sends nine requests per instance"
    for start in (60, 120, 180):
        minute = exponential[start : start + 60]
        assert (minute == 0).sum() >= 55 and minute.max() >= 0.6 * INSTANCES, "without jitter the fleet moves as one"
    assert jitter[30:].max() < 0.08 * INSTANCES, "with jitter the peaks are gone"
    assert (jitter > 0).all(), "with jitter no second is idle"
    assert abs(jitter.sum() / exponential.sum() - 1) < 0.10, "jitter changes peaks, not volume"


@style.in_house
def figure(rates: Mapping[str, Rates]) -> Figure:
    """One panel per policy: requests in each second."""
    peaks = {name: int(rate[30:].max()) for name, rate in rates.items()}
    exponential, jitter = peaks["exponential"], peaks["exponential + jitter"]
    title = (
        "Backoff thins out a retry storm, but only jitter takes its peaks: "
        f"{exponential} requests/s become {jitter} at equal volume"
    )
    subtitle = (
        f"{INSTANCES:,} clients of a service that is down · requests per second (top: scale × 10) · peaks after 30 s"
    )
    drawn = style.canvas(title, subtitle, rows=len(rates), height=7.4)
    drawn.subplots_adjust(left=0.09, right=0.81)
    colours = (style.VERMILLION, style.ORANGE, style.PURPLE, style.BLUE)
    for axes, (name, rate), colour in zip(drawn.axes, rates.items(), colours, strict=True):
        top = INSTANCES * (1 if rate.max() <= INSTANCES else 10) * 1.1
        axes.stairs(rate, fill=True, color=colour)
        axes.set_xlim(0, len(rate))
        axes.set_ylim(0, top)
        axes.set_ylabel("requests/s")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        style.label_ends(axes, _labels(name, rate, colour, top), gap=0.16)
    drawn.axes[-1].set_xlabel("time since the first failure (s)")
    return drawn


def _labels(name: str, rate: Rates, colour: str, top: float) -> Sequence[tuple[float, str, str]]:
    return (
        (0.85 * top, name, colour),
        (0.62 * top, f"{rate.sum():,} requests", style.INK),
        (0.39 * top, f"peak {rate[30:].max():,}/s", style.INK),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every policy once, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    rates = {name: requests_per_second(policy, seed=chosen.seed) for name, policy in POLICIES.items()}
    for name, rate in rates.items():
        print(f"{name:<22} {rate.sum():>9,} requests, {rate.mean():>8,.1f}/s, peak after 30 s {rate[30:].max():>6,}/s")
    check(rates)
    chosen.save(figure(rates), "backoff_and_jitter")


if __name__ == "__main__":
    main()
