"""Clients contend for one row under optimistic concurrency: what each kind of backoff costs in work and in time.

N clients each want to update one row once. A client reads the row's version and writes back on condition that the
version has not changed meanwhile; if it has, the client waits as its backoff says and begins again. Every message takes
|Normal(10, 2)| ms, which leaves a window of two messages in which any other success spoils the write. All clients start
together. *Calls* are writes, failed ones included; *time* ends with the last client's last reply.

Each success can fail at most the one write that each other client has in flight, so N ≤ calls ≤ N(N+1)/2 whatever the
backoff: no policy removes the square, jitter divides it.

Model: Brooker, "Exponential Backoff And Jitter", aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter and
github.com/aws-samples/aws-arch-backoff-simulator; base 5 ms, doubled before the first wait, cap 2 s.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.policies.backoff import Backoff, Decorrelated, EqualJitter, Exponential, FullJitter, NoBackoff
from stormlab.report import style
from stormlab.sim.theory.retries import contended_calls

LEG, LEG_SPREAD = 0.010, 0.002

POLICIES: dict[str, Backoff] = {
    "no backoff": NoBackoff(),
    "exponential": Exponential(base=0.010, cap=2.0),
    "equal jitter": EqualJitter(base=0.010, cap=2.0),
    "full jitter": FullJitter(base=0.010, cap=2.0),
    "decorrelated": Decorrelated(base=0.005, cap=2.0),
}

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contention:
    """Independent trials with ``clients`` each: ``calls`` and ``seconds`` per trial, and when writes were ``tried``.

    ``tried[i, trial]`` is the arrival of the i-th write at the row in s, NaN after the last.
    """

    clients: int
    calls: Numbers
    seconds: Numbers
    tried: Numbers


def contend(policy: Backoff, clients: int, *, trials: int, seed: int) -> Contention:
    """Play ``trials`` side by side; each step handles the next write to arrive in every trial.

    A write succeeds when no other did since its client read the row, so reads need no events of their own.
    """
    draws, waits = np.random.default_rng(seed), random.Random(seed)
    leg = partial(_leg, draws)
    delays = [[policy.delays(waits) for _ in range(clients)] for _ in range(trials)]
    everyone = (trials, clients)
    read = leg(everyone)
    write = read + leg(everyone) + leg(everyone)
    changed, ended = np.full(trials, -np.inf), np.zeros(trials)
    tried = []
    while True:
        client = write.argmin(axis=1)
        now = write[np.arange(trials), client]
        running = np.flatnonzero(np.isfinite(now))
        if not running.size:
            break
        tried.append(np.where(np.isfinite(now), now, np.nan))
        succeeds = changed[running] < read[running, client[running]]
        won, lost = running[succeeds], running[~succeeds]
        changed[won] = now[won]
        write[won, client[won]] = np.inf
        ended[won] = np.maximum(ended[won], now[won] + leg(won.size))
        pause = [next(delays[trial][one]) for trial, one in zip(lost.tolist(), client[lost].tolist(), strict=True)]
        read[lost, client[lost]] = now[lost] + leg(lost.size) + pause + leg(lost.size)
        write[lost, client[lost]] = read[lost, client[lost]] + leg(lost.size) + leg(lost.size)
    times = np.array(tried)
    return Contention(clients=clients, calls=np.isfinite(times).sum(axis=0) * 1.0, seconds=ended, tried=times)


def _leg(draws: np.random.Generator, shape: int | tuple[int, int]) -> Numbers:
    """Message delays in s."""
    return np.abs(draws.normal(LEG, LEG_SPREAD, shape))


Sweep: TypeAlias = Mapping[str, Mapping[int, Contention]]

CLIENTS = (10, 40, 70, 100, 130, 160, 190)
TRIALS = 100
SHOWN = 100
BIN = 0.1

COLOURS = {
    "no backoff": style.VERMILLION,
    "exponential": style.ORANGE,
    "equal jitter": style.GREEN,
    "full jitter": style.BLUE,
    "decorrelated": style.PURPLE,
}


def sweep(clients: Sequence[int], *, trials: int, seed: int) -> Sweep:
    """Every policy with every number of clients."""
    return {
        name: {count: contend(policy, count, trials=trials, seed=seed) for count in clients}
        for name, policy in POLICIES.items()
    }


def write_rate(result: Contention) -> Numbers:
    """Mean writes in each ``BIN`` of the time since the start."""
    times = result.tried[np.isfinite(result.tried)]
    bins = int(times.max() / BIN) + 1
    return np.bincount((times / BIN).astype(int), minlength=bins) / len(result.calls)


def exponent(results: Mapping[int, Contention], few: int, many: int) -> float:
    """The power of N with which calls grow between ``few`` and ``many`` clients."""
    return math.log(results[many].calls.mean() / results[few].calls.mean()) / math.log(many / few)


def check(results: Sweep) -> None:
    """Assert the findings on a sweep that holds 100 and 190 clients."""
    for result in (one for by_clients in results.values() for one in by_clients.values()):
        fewest, most = contended_calls(result.clients)
        assert ((fewest <= result.calls) & (result.calls <= most)).all(), "N ≤ calls ≤ N(N+1)/2 in every trial"
    calls = {name: float(by_clients[SHOWN].calls.mean()) for name, by_clients in results.items()}
    seconds = {name: float(by_clients[SHOWN].seconds.mean()) for name, by_clients in results.items()}
    growth = {name: exponent(by_clients, SHOWN, 190) for name, by_clients in results.items()}
    none, exponential, equal, full, decorrelated = POLICIES
    assert 1.8 < growth[none] < 1.95, "without backoff work grows almost with the square"
    assert 0.72 < calls[exponential] / calls[none] < 0.82, "backoff alone saves about a quarter of the work"
    assert calls[full] < 0.5 * calls[exponential], "full jitter saves more than half of the rest"
    assert calls[full] < calls[equal] < calls[decorrelated] < calls[exponential] < calls[none]
    assert max(seconds, key=lambda name: seconds[name]) == exponential, "backoff without jitter is slowest by far"
    assert seconds[exponential] > 10 * seconds[full]
    assert seconds[decorrelated] < seconds[full] < seconds[equal], "decorrelated jitter trades work for time"
    assert growth[none] > growth[exponential] > growth[decorrelated] > growth[full] > 1.1
    late = slice(int(1 / BIN), int(10 / BIN))
    assert (write_rate(results[exponential][SHOWN])[late] == 0).mean() > 0.5, "bursts, with nothing in between"


@style.in_house
def figure(results: Sweep) -> Figure:
    """Work and time against the number of clients; below, when the writes of ``SHOWN`` clients arrive."""
    at = {name: results[name][SHOWN] for name in ("exponential", "full jitter")}
    saved = 1 - at["full jitter"].calls.mean() / at["exponential"].calls.mean()
    sooner = at["exponential"].seconds.mean() / at["full jitter"].seconds.mean()
    drawn = Figure(figsize=(10, 7), layout="constrained")
    drawn.suptitle(
        f"Jitter saves {saved:.0%} of the work of backoff and ends {sooner:.0f} times sooner\n"
        f"when {SHOWN} clients contend for one row",
        x=0.008,
        ha="left",
        fontsize=13,
        fontweight="bold",
    )
    (work, time), (bursts, spread) = drawn.subplots(2, 2)
    _against_clients(work, results, lambda result: result.calls, scale="linear")
    work.set_title("work: writes until all succeeded")
    work.yaxis.set_major_formatter("{x:,.0f}")
    _against_clients(time, results, lambda result: result.seconds, scale="log")
    time.set_yticks([0.3, 1, 3, 10, 30, 100], ["0.3 s", "1 s", "3 s", "10 s", "30 s", "100 s"], minor=False)
    time.set_yticks([], minor=True)
    time.set_title("time until the last client is done (log scale)")
    for axes, (name, result) in zip((bursts, spread), at.items(), strict=True):
        rate = write_rate(result)
        axes.stairs(rate, np.arange(len(rate) + 1) * BIN, fill=True, color=COLOURS[name])
        axes.set(xlim=(0, 8), ylim=(0, 120), xlabel="time (s)")
        axes.set_title(f"{name}: writes per {BIN:g} s, {SHOWN} clients")
        axes.text(7.9, 110, f"all done after {result.seconds.mean():.0f} s", ha="right", color=style.INK)
    return drawn


def _against_clients(axes: Axes, results: Sweep, measure: Callable[[Contention], Numbers], *, scale: str) -> None:
    axes.set_yscale(scale)
    ends = []
    for name, by_clients in results.items():
        means = [float(measure(result).mean()) for result in by_clients.values()]
        axes.plot(list(by_clients), means, color=COLOURS[name], marker="o", markersize=4)
        ends.append((means[-1], name, COLOURS[name]))
    axes.set(xlim=(0, max(CLIENTS)), ylim=axes.get_ylim(), xlabel="clients")
    style.label_ends(axes, ends)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sweep, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    results = sweep(CLIENTS, trials=TRIALS, seed=chosen.seed)
    print(f"{'clients':>7} {'backoff':<13} {'writes':>8} {'time (s)':>9}")
    for clients in CLIENTS:
        for name, by_clients in results.items():
            result = by_clients[clients]
            print(f"{clients:>7} {name:<13} {result.calls.mean():>8,.1f} {result.seconds.mean():>9.2f}")
    check(results)
    chosen.save(figure(results), "optimistic_concurrency")


if __name__ == "__main__":
    main()
