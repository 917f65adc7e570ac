"""An autoscaler is late by as long as a server takes to start, and blind when it looks at the processor.

The fleet is one service of the simulated world, resized by a controller: every 10 s it compares its signal with its
target and asks for ⌈servers × signal/target⌉ servers, which come after a delay; superfluous ones go at once.

- *Lag.* Demand jumps from 20/s to 60/s, the servers in place can do C = 34/s. Until more come, (λ − C) requests/s are
  lost. A full fleet's signal reads 100 % however large the demand is, so the first servers ordered are not enough, and
  the delay is paid more than once.
- *The wrong signal.* A request takes 20 ms of processor and then waits for a backend, 50 ms as a rule, holding its
  thread. For three minutes the backend needs 500 ms more. Threads run out, throughput falls, processors idle, and who
  looks at them takes servers *away*. Busy threads are the signal that means load.

Sources: Slack, 4 January 2021 (slack.engineering/slacks-outage-on-january-4th-2021); "Cloud Native Go", chapter 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import options, panels
from stormlab.drivers.sim import Timer
from stormlab.report import style
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.sim.service import Service
from stormlab.sim.world import World

EVERY, MOST = 10.0, 60
CPU, BACKEND, THREADS = 0.02, 0.05, 2
STEP_AT, BEFORE, AFTER, SERVICE, SERVERS = 60.0, 20.0, 60.0, 0.5, 17
DELAYS = (0.0, 30.0, 60.0, 120.0)
SLOW_AT, SLOW_FOR, SLOW = 60.0, 180.0, 0.5
LENGTH = 300

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]


class Autoscaler:
    """Keeps ``signal``, the utilisation since it was last asked, at ``target`` by the number of servers."""

    def __init__(
        self, world: World, name: str, signal: Callable[[int], float], *, servers: int, threads: int, target: float,
        delay: float,
    ) -> None:  # fmt: skip
        self._world, self._fleet = world, world.services[name].replicas[0]
        self._signal, self._target, self._delay, self._threads = signal, target, delay, threads
        self._servers, self._ordered = servers, servers
        self.log: list[int] = []
        self._watch(None)
        Timer(world.env, EVERY, self._decide)

    def _watch(self, _event: Any) -> None:
        self.log.append(self._servers)
        Timer(self._world.env, 1.0, self._watch)

    def _decide(self, _event: Any) -> None:
        wanted = min(max(math.ceil(self._servers * self._signal(self._servers) / self._target - 1e-9), 1), MOST)
        if wanted > self._ordered:
            more, self._ordered = wanted - self._ordered, wanted
            Timer(self._world.env, self._delay, lambda _event: self._resize(self._servers + more))
        elif wanted < self._servers == self._ordered:
            self._ordered = wanted
            self._resize(wanted)
        Timer(self._world.env, EVERY, self._decide)

    def _resize(self, servers: int) -> None:
        self._servers = servers
        self._fleet.resize(servers * self._threads, 1.0)


def processor(service: Service, seconds: float) -> Callable[[int], float]:
    """Share of the processors that is used: ``seconds`` of one for each request finished since the last look."""
    seen = 0

    def signal(servers: int) -> float:
        nonlocal seen
        new, seen = service.counts.completions - seen, service.counts.completions
        return new * seconds / (EVERY * servers)

    return signal


def threads(world: World, service: Service) -> Callable[[int], float]:
    """Share of the threads that is busy, on average since the last look, seen every second."""
    seen: list[float] = []

    def look(_event: Any) -> None:
        seen.append(service.busy / service.replicas[0].workers)
        Timer(world.env, 1.0, look)

    def signal(_servers: int) -> float:
        mean = sum(seen) / max(len(seen), 1)
        seen.clear()
        return mean

    look(None)
    return signal


def _scenario(services: dict[str, Any], client: dict[str, Any], seconds: float, faults: Sequence[Any]) -> Scenario:
    web = {"target": "web", "policies": [{"kind": "timeout", "seconds": 2.0}], **client}
    raw = {"title": "Autoscaling", "run": {"duration": seconds}, "services": services, "clients": {"users": web}}
    return Scenario.model_validate(raw | {"faults": list(faults)})


def jump(delay: float, *, seed: int) -> Result:
    """Demand triples; servers take ``delay`` s to start. A queue of half a second of work keeps the others in time."""
    web = {"workers": SERVERS, "service_time": {"kind": "fixed", "mean": SERVICE}, "queue": {"limit": 17}}
    client = {
        "arrivals": {"kind": "poisson", "rate": BEFORE},
        "shape": [[0, 1], [STEP_AT, 1], [STEP_AT, AFTER / BEFORE]],
    }
    world = World(_scenario({"web": web}, client, 240.0, ()), seed)
    Autoscaler(world, "web", threads(world, world.services["web"]), servers=SERVERS, threads=1, target=0.6, delay=delay)
    return world.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A run with a slow backend, and the number of servers in each second of it."""

    result: Result
    servers: Numbers


def slow_backend(signal: str, *, seed: int) -> Scaled:
    """The backend slows down; the controller looks at ``signal``, processor or threads."""
    services = {
        "web": {
            "workers": 3 * THREADS,
            "service_time": {"kind": "fixed", "mean": CPU},
            "queue": {"limit": 50},
            "calls": [{"target": "backend"}],
        },
        "backend": {"workers": 10_000, "service_time": {"kind": "fixed", "mean": BACKEND}},
    }
    fault = {
        "name": "slow backend",
        "kind": "delay",
        "target": "backend",
        "at": SLOW_AT,
        "for": SLOW_FOR,
        "delay": SLOW,
    }
    client = {"arrivals": {"kind": "poisson", "rate": 60}}
    world = World(_scenario(services, client, LENGTH, [fault]), seed)
    web = world.services["web"]
    looked, target = (processor(web, CPU), 0.4) if signal == "processor" else (threads(world, web), 0.7)
    scaler = Autoscaler(world, "web", looked, servers=3, threads=THREADS, target=target, delay=20.0)
    return Scaled(result=world.run(), servers=np.array(scaler.log[:LENGTH]) * 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Jumps by delay of provisioning, slow backends by signal."""

    jumps: Mapping[float, Result]
    signals: Mapping[str, Scaled]


def play(*, seed: int) -> Study:
    """Everything once."""
    return Study(
        jumps={delay: jump(delay, seed=seed) for delay in DELAYS},
        signals={signal: slow_backend(signal, seed=seed) for signal in ("processor", "threads")},
    )


def lost(result: Result) -> float:
    """Requests that were asked for and not answered in time."""
    return float(result.series["offered"].sum() - result.series["succeeded"].sum())


def check(study: Study) -> None:
    """Assert the findings."""
    losses = [lost(one) for one in study.jumps.values()]
    assert losses == sorted(losses)
    shortest, longest = min(study.jumps), max(study.jumps)
    expected = (AFTER - SERVERS / SERVICE) * (longest - shortest)
    assert 0.7 < (losses[-1] - losses[0]) / expected < 1.7, "each second of delay loses about λ − C requests"
    wrong, right = study.signals["processor"], study.signals["threads"]
    fault, late = (
        slice(int(SLOW_AT), int(SLOW_AT + SLOW_FOR)),
        slice(int(SLOW_AT + SLOW_FOR - 40), int(SLOW_AT + SLOW_FOR - 2)),
    )
    assert wrong.servers[fault].min() < wrong.servers[int(SLOW_AT) - 5], "who looks at the processor scales in"
    assert right.servers[late].min() > 4 * right.servers[int(SLOW_AT) - 5], "who looks at the threads scales out"
    shares = {
        name: one.result.series["succeeded"][late].sum() / one.result.series["offered"][late].sum()
        for name, one in study.signals.items()
    }
    assert shares["processor"] < 0.2 and shares["threads"] > 0.95


@style.in_house
def figure(study: Study) -> Figure:
    """What each delay loses, and what each signal does."""
    drawn, (lag, servers, goodput) = panels(
        "Autoscaling loses λ − C requests and more for every second that servers take to start, "
        "and removes servers when the processor waits",
        1,
        3,
        height=4.5,
    )
    _lag(lag, study.jumps)
    for (name, one), colour in zip(study.signals.items(), (style.VERMILLION, style.BLUE), strict=True):
        servers.step(np.arange(LENGTH), one.servers, color=colour, linewidth=1.8)
        smooth = np.convolve(one.result.series["goodput"], np.full(5, 0.2), mode="same")[2:-2]
        goodput.plot(np.arange(len(smooth)) + 2, smooth, color=colour, linewidth=1.8, label=f"looks at the {name}")
    for axes in (servers, goodput):
        axes.axvspan(SLOW_AT, SLOW_AT + SLOW_FOR, color=style.FAULT, alpha=0.16, linewidth=0)
        axes.set(xlim=(0, LENGTH), xlabel="time (s); shaded: slow backend")
    goodput.legend(loc="upper left")
    goodput.set_ylim(0, 130)
    servers.set_title("servers")
    goodput.set_title("goodput (1/s), demand 60/s")
    return drawn


def _lag(axes: Axes, jumps: Mapping[float, Result]) -> None:
    axes.plot(list(jumps), [lost(one) for one in jumps.values()], "o", color=style.VERMILLION, markersize=8)
    first = lost(jumps[0.0])
    rate = AFTER - SERVERS / SERVICE
    axes.plot([0, 120], [first, first + 120 * rate], color=style.INK, linestyle="--", linewidth=1.2)
    axes.text(35, first + 15 * rate, f"λ − C = {rate:.0f} for each second", fontweight="bold")
    axes.set(xlim=(-5, 130), ylim=(0, None), xlabel="time that a server takes to start (s)")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_title("requests lost when demand triples")


def main(arguments: Sequence[str] | None = None) -> None:
    """Play jumps and slow backends, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    study = play(seed=chosen.seed)
    for delay, result in study.jumps.items():
        print(f"servers take {delay:>3.0f} s: {lost(result):,.0f} requests lost")
    for name, one in study.signals.items():
        print(f"{name}: {one.servers[59]:.0f} servers before, {one.servers[235]:.0f} when the backend is slow")
    check(study)
    chosen.save(figure(study), "autoscaling")


if __name__ == "__main__":
    main()
