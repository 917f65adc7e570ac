"""The simulated path between a caller and a service: latency, and what Toxiproxy's toxics do to one exchange.

An attempt is one exchange of a request and an answer of about :data:`MESSAGE` bytes each. Toxicity is drawn per
attempt; on real keep-alive connections it is drawn per connection, which is the same share in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, TypeAlias

import simpy

from stormlab.drivers.sim import Timer
from stormlab.effects import Request
from stormlab.outcome import Outcome
from stormlab.scenario.disturbances import (
    Bandwidth,
    Blackhole,
    Down,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
)
from stormlab.sim.service import CONNECTION_LOST, CONNECTION_REFUSED, Endpoint, Reply

#: Bytes of a small HTTP request or answer with its headers.
MESSAGE = 300

AnyToxic: TypeAlias = Latency | Bandwidth | SlowClose | Blackhole | ResetPeer | Slicer | LimitData | Down


class Path:
    """Carries attempts to ``endpoint`` and their answers back; ``latency`` is the undisturbed round trip in s."""

    def __init__(self, env: simpy.Environment, endpoint: Endpoint, latency: float, random: Random) -> None:
        self._env = env
        self._endpoint = endpoint
        self._latency = latency
        self._random = random
        self.toxics: Sequence[AnyToxic] = ()

    def send(self, request: Request, reply: Reply) -> Outcome | None:
        if not self._latency and not self.toxics:
            return self._endpoint(request, reply)
        return self._travel(request, reply)

    def _travel(self, request: Request, reply: Reply) -> Outcome | None:
        there = back = self._latency / 2
        for toxic in self.toxics:
            if isinstance(toxic, Down):
                return CONNECTION_REFUSED
            if self._random.random() >= toxic.toxicity:
                continue
            if isinstance(toxic, Blackhole | ResetPeer) or (isinstance(toxic, LimitData) and toxic.bytes < MESSAGE):
                return self._break(toxic, reply)
            if toxic.stream == "upstream":
                there += self._delay(toxic)
            else:
                back += self._delay(toxic)
        Timer(self._env, there, lambda _event: self._arrive(request, reply, back))
        return None

    def _arrive(self, request: Request, reply: Reply, back: float) -> None:
        def answered(outcome: Outcome) -> None:
            if back > 0:
                Timer(self._env, back, lambda _event: reply(outcome))
            else:
                reply(outcome)

        outcome = self._endpoint(request, answered)
        if outcome is not None:
            answered(outcome)

    def _break(self, toxic: Blackhole | ResetPeer | LimitData, reply: Reply) -> Outcome | None:
        if isinstance(toxic, LimitData):
            return CONNECTION_LOST
        if isinstance(toxic, Blackhole) and toxic.timeout == 0:
            return None

        def lost(_event: Any) -> None:
            reply(CONNECTION_LOST)

        Timer(self._env, toxic.timeout, lost)
        return None

    def _delay(self, toxic: AnyToxic) -> float:
        match toxic:
            case Latency(latency=latency, jitter=jitter):
                return max(0.0, latency + self._random.uniform(-jitter, jitter))
            case Bandwidth(rate=rate):
                return MESSAGE / (rate * 1000)
            case Slicer(average_size=size, delay=delay):
                return (MESSAGE // size) * delay
            case _:
                return 0.0
