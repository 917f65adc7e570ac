"""Five seconds of double load, and three immediate tries keep a contended server down; tries spread over time do not.

A server gets slower with every request it works on: latency = 1 s + 10 ms per request in flight. In steady state N in
flight give a throughput of N/(1 + 0.01·N). Clients wait 3 s and make three tries in all; the server does not learn
that they have left. At a latency of 3 s it answers 66.7 requests/s, so when every try times out three tries hold it
there from 22.2 calls/s on. The demand of 40/s is vulnerable: it doubles for 5 s, and then

- without backoff about 7 of 10 runs never come back;
- with waits of U(0, 20 s) and U(0, 40 s) before the tries all do: the tries come when the spike is over.

Backoff helps here because the trouble is short compared with the waits: when demand rises from 40/s to 80/s in 25 s and
falls as slowly, the server is lost from the peak on, with backoff as without. Model: Brooker,
github.com/mbrooker/simulator_example (simple_collapse_sim); messages take Exp(0.1 s) each way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.drivers.sim import Reply, Run, Timer
from stormlab.effects import PLAIN, Request
from stormlab.outcome import SUCCESS, Outcome
from stormlab.policies import FullJitter, NoBackoff, Policy, Retry, Scope, Timeout, compose
from stormlab.report import style
from stormlab.sim.clock import Clock

RATE, SPIKE, SPIKE_AT, SPIKE_FOR = 40.0, 80.0, 20.0, 5.0
SECONDS = 80
LIMIT = Timeout(seconds=3.0)
TRIES: dict[str, tuple[Policy, ...]] = {
    "no backoff": (Retry(max_retries=2, backoff=NoBackoff()), LIMIT),
    "backoff": (Retry(max_retries=2, backoff=FullJitter(base=20.0, cap=40.0)), LIMIT),
}
RUNS = 40

Rates: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Contended:
    """A server whose latency grows by ``slope`` s with every request in flight."""

    def __init__(self, env: Clock, random: Random, *, base: float = 1.0, slope: float = 0.01, leg: float = 0.1) -> None:
        self._env = env
        self._random = random
        self._base, self._slope, self._leg = base, slope, leg
        self.in_flight = 0

    def submit(self, _request: Request, reply: Reply) -> Outcome | None:
        """Take a request on its way; it arrives, is worked on, and is answered, whoever still waits."""

        def arrive(_event: Any) -> None:
            self.in_flight += 1
            Timer(self._env, self._base + self._slope * self.in_flight, finish)

        def finish(_event: Any) -> None:
            self.in_flight -= 1
            Timer(self._env, self._message(), lambda _event: reply(SUCCESS))

        Timer(self._env, self._message(), arrive)
        return None

    def _message(self) -> float:
        return self._random.expovariate(1 / self._leg)


def spiking(now: float, *, rate: float = RATE, spike: float = SPIKE) -> float:
    """The demand in calls/s at a moment: ``rate``, and ``spike`` for a while."""
    return spike if SPIKE_AT <= now <= SPIKE_AT + SPIKE_FOR else rate


def ramp(now: float) -> float:
    """Another demand: from 40 to 80 calls/s in 25 s, then down to nothing as slowly as it rose."""
    return max(0.0, SPIKE - (SPIKE - RATE) / 25 * abs(now - 25))


def goodput(
    policies: Sequence[Policy], *, seed: int, demand: Callable[[float], float] = spiking, seconds: int = SECONDS
) -> Rates:
    """Calls that succeeded in each second of one run."""
    env, random = Clock(), Random(seed)
    server = Contended(env, random)
    strategy = compose(policies, Scope(random=random))
    answered = np.zeros(seconds + 1)

    def done(now: float, outcome: Outcome) -> None:
        answered[int(now)] += outcome.ok

    def call(_event: Any) -> None:
        Run(env, strategy(env.now, PLAIN), server.submit, done).start()
        rate = demand(env.now)
        if rate > 0:
            Timer(env, random.expovariate(rate), call)

    Timer(env, 0.0, call)
    env.run(until=seconds)
    return answered[:seconds]


Runs: TypeAlias = Mapping[str, Rates]


def play(*, seed: int, runs: int = RUNS) -> Runs:
    """Goodput [run, second] of every kind of client."""
    return {name: np.array([goodput(tries, seed=seed + n) for n in range(runs)]) for name, tries in TRIES.items()}


def stuck(rates: Rates) -> int:
    """How many runs answer less than half of the demand in the last ten seconds."""
    return int((rates[:, -10:].mean(axis=1) < RATE / 2).sum())


def check(runs: Runs) -> None:
    """Assert the findings."""
    naive, patient = runs["no backoff"], runs["backoff"]
    assert 0.4 <= stuck(naive) / len(naive) <= 0.95, "most runs stay down, some come back"
    assert stuck(patient) == 0, "with backoff all come back"
    assert abs(patient[:, -10:].mean() / RATE - 1) < 0.1


@style.in_house
def figure(runs: Runs) -> Figure:
    """Every run of both kinds of client."""
    naive, patient = runs.values()
    drawn, axes = panels(
        f"Five seconds of double load: {stuck(naive)} of {len(naive)} runs never come back when clients retry at once, "
        f"{stuck(patient) or 'none'} when they back off",
        1,
        2,
        height=4.2,
    )
    for one, (name, rates), colour in zip(axes, runs.items(), (style.VERMILLION, style.BLUE), strict=True):
        for rate in rates:
            one.plot(np.convolve(rate, np.full(3, 1 / 3), mode="same")[1:-1], color=colour, linewidth=0.7, alpha=0.45)
        one.axvspan(SPIKE_AT, SPIKE_AT + SPIKE_FOR, color=style.FAULT, alpha=0.2, linewidth=0)
        one.axhline(RATE, color=style.INK, linestyle="--", linewidth=1.2)
        one.set(xlim=(0, SECONDS - 2), ylim=(-1, 75), xlabel="time (s)")
        one.set_title(f"{name}: goodput of {len(rates)} runs (1/s), demand dashed")
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Play all runs, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    runs = play(seed=chosen.seed, runs=RUNS)
    for name, rates in runs.items():
        print(f"{name:<11} {stuck(rates)}/{len(rates)} stuck, goodput {rates[:, -10:].mean():.1f}/s at the end")
    check(runs)
    chosen.save(figure(runs), "collapse")


if __name__ == "__main__":
    main()
