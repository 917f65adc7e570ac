"""The same clients, policies and callee, played on each driver; what happened comes back as one comparable value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import simpy

from stormlab.drivers.aio import Pipeline
from stormlab.drivers.sim import Run, Timer
from stormlab.effects import PLAIN, Race, Request, Steps, Strategy
from stormlab.events import AttemptEnded, AttemptStarted, Event
from stormlab.outcome import Outcome, failure, overloaded, success
from stormlab.policies import Policy, Scope, compose
from stormlab.testing import Line, RecordingListener, ScriptedCallee, run_in_virtual_time

MakePolicies = Callable[[], Sequence[Policy]]


@dataclass(frozen=True)
class SecondCopy:
    """The bare race: a second copy after 0.2 s."""

    kind: str = "second-copy"

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        def racing(now: float, request: Request) -> Steps:
            return (yield Race(0.2, inner(now, request), lambda later: inner(later, request)))

        return racing


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Clients arrive at ``arrivals`` (s); the one whose number is in ``cuts`` is cut off that many s later."""

    policies: MakePolicies
    seed: int
    arrivals: tuple[float, ...]
    cuts: dict[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Ends in order of time ``(client, time, ending, reason)``, what the callee saw, what the policies said."""

    ends: list[tuple[int, float, str, str]]
    seen: list[tuple[int, float | None]]
    events: list[Event]


def random_play(policies: MakePolicies, seed: int, *, clients: int = 30, cut: float = 0.0) -> Play:
    """Clients spread over 3 s; a fraction ``cut`` of them leaves within the next second."""
    rng = Random(f"arrivals {seed}")
    arrivals = tuple(rng.uniform(0, 3) for _ in range(clients))
    cuts = {client: rng.uniform(0, 1) for client in range(clients) if rng.random() < cut}
    return Play(policies=policies, seed=seed, arrivals=arrivals, cuts=cuts)


def random_script(seed: int) -> Iterator[Line]:
    rng = Random(f"script {seed}")
    outcomes = (success(1), success(2), failure("crashed"), overloaded("queue-full", retry_after=0.05))
    while True:
        yield rng.choice((0.0, rng.uniform(0, 0.3), rng.uniform(0, 1))), rng.choice(outcomes)


def on_simpy(play: Play) -> Trace:
    env, listener = simpy.Environment(), RecordingListener()
    strategy = compose(play.policies(), Scope(random=Random(play.seed), listener=listener))
    callee = ScriptedCallee(random_script(play.seed))
    operation, ends = callee.simulated(env), []

    def arrive(client: int) -> None:
        def done(now: float, outcome: Outcome) -> None:
            ends.append(_end(client, now, outcome))

        run = Run(env, strategy(env.now, PLAIN), operation, done)
        if client in play.cuts:
            Timer(env, play.cuts[client], lambda _: run.cut_off())
        run.start()

    for client, at in enumerate(play.arrivals):
        Timer(env, at, partial(_ignoring_event, arrive, client))
    env.run()
    return _trace(ends, callee, listener)


def on_asyncio(play: Play) -> Trace:
    listener, callee = RecordingListener(), ScriptedCallee(random_script(play.seed))
    ends: list[tuple[int, float, str, str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pipeline = Pipeline(play.policies(), seed=play.seed, listener=listener)

        async def client(number: int, at: float) -> None:
            await asyncio.sleep(at)
            if number in play.cuts:
                task = asyncio.current_task()
                assert task is not None
                loop.call_later(play.cuts[number], task.cancel)
            outcome = await pipeline.outcome(callee)
            ends.append(_end(number, loop.time(), outcome))

        clients = [asyncio.create_task(client(number, at)) for number, at in enumerate(play.arrivals)]
        await asyncio.wait(clients)
        await asyncio.sleep(10)

    run_in_virtual_time(main())
    return _trace(ends, callee, listener)


def on_gevent(play: Play) -> Trace:
    import gevent

    from stormlab.drivers.green import Pipeline
    from stormlab.testing.virtual_hub import run

    listener, callee = RecordingListener(), ScriptedCallee(random_script(play.seed))
    ends: list[tuple[int, float, str, str]] = []

    def main(clock: Callable[[], float]) -> None:
        pipeline = Pipeline(play.policies(), seed=play.seed, listener=listener, clock=clock)

        def client(number: int, at: float) -> None:
            gevent.sleep(at)
            if number in play.cuts:
                gevent.spawn_later(play.cuts[number], gevent.kill, gevent.getcurrent())
            outcome = pipeline.outcome(callee.blocking)
            ends.append(_end(number, clock(), outcome))

        gevent.joinall([gevent.spawn(client, number, at) for number, at in enumerate(play.arrivals)])
        gevent.sleep(10)

    run(main)
    return _trace(ends, callee, listener)


def _ignoring_event(action: Callable[[int], None], client: int, _event: object) -> None:
    action(client)


def _end(client: int, now: float, outcome: Outcome) -> tuple[int, float, str, str]:
    return client, now, outcome.ending.value, outcome.reason


def _trace(ends: list[tuple[int, float, str, str]], callee: ScriptedCallee, listener: RecordingListener) -> Trace:
    seen = [(request.attempt, request.deadline) for request in callee.requests]
    events: list[Event] = [each for each in listener.events if not isinstance(each, AttemptStarted | AttemptEnded)]
    return Trace(ends=ends, seen=seen, events=events)
