"""One direction of a proxied connection: from the source, through a chain of stages, to the destination.

Without toxics a link is not in the way: what the source receives goes straight into the transport of the destination,
and a full transport stops the reading of the source. With toxics the bytes go through the chain, whose last outlet is
the link.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from stormlab.chaos.server.stages import STAGES, Chunk, Outlet, Stage
from stormlab.chaos.toxics import Stream, Toxic

if TYPE_CHECKING:
    from stormlab.chaos.server.connection import Connection, Endpoint


class Link:
    """Wires itself to ``source`` and ``destination``; `open` lets the bytes flow."""

    def __init__(self, connection: Connection, stream: Stream, source: Endpoint, destination: Endpoint) -> None:
        self.stream = stream
        self._connection = connection
        self._source = source
        self._destination = destination
        self._chain: list[Stage] = []
        self._early: list[bytes] = []
        self._holders: set[object] = set()
        self._is_open = self._source_ended = self._finished = False
        self._diverted = self._delivered = 0
        source.outbound = destination.inbound = self
        source.forward = self._keep

    @property
    def received(self) -> int:
        """Bytes that came from the source."""
        return self._source.received

    @property
    def sent(self) -> int:
        """Bytes that went to the destination, straight or out of the chain."""
        return self._source.received - self._diverted + self._delivered

    def open(self, toxics: Iterable[Toxic]) -> None:
        """Both endpoints are connected: let flow what came early, and then the rest."""
        self._is_open = True
        self.configure(toxics)
        for data in self._early:
            self._diverted -= len(data)
            self._source.forward(data)
        self._early.clear()
        self.release(self)
        if self._source_ended:
            self._head.end()

    def configure(self, toxics: Iterable[Toxic]) -> None:
        """Make the chain what ``toxics`` say, without losing a byte that an old stage holds."""
        if not self._is_open or self._finished:
            return
        drawn = [toxic for toxic in toxics if toxic.stream == self.stream and self._is_hit_by(toxic)]
        self._keep_update_remove({toxic.name: toxic for toxic in drawn})
        self._insert(drawn)
        if not self._finished:
            self._source.forward = self._feed_chain if self._chain else self._destination.write

    def source_ended(self) -> None:
        """The source sends nothing more, or is gone."""
        if not self._source_ended:
            self._source_ended = True
            if self._is_open:
                self._head.end()

    def destination_lost(self) -> None:
        """Whatever comes now, or waits in the chain, has nowhere to go."""
        self._finish()
        for stage in self._chain:
            stage.discard()

    # The last outlet of the chain.

    def feed(self, chunk: Chunk) -> None:
        if not self._finished:
            self._delivered += len(chunk.data)
            self._destination.write(chunk.data)

    def end(self) -> None:
        if not self._finished:
            self._finish()
            self._destination.close()

    # The valve of its stages.

    def hold(self, holder: object) -> None:
        if not self._holders:
            self._source.pause()
        self._holders.add(holder)

    def release(self, holder: object) -> None:
        if holder in self._holders:
            self._holders.remove(holder)
            if not self._holders:
                self._source.resume()

    def reset_on_close(self) -> None:
        self._connection.reset_on_close()

    @property
    def _head(self) -> Outlet:
        return self._chain[0] if self._chain else self

    def _keep(self, data: bytes) -> None:
        self._diverted += len(data)
        self._early.append(data)
        self.hold(self)

    def _feed_chain(self, data: bytes) -> None:
        self._diverted += len(data)
        self._chain[0].feed(Chunk(data, time.monotonic()))

    def _finish(self) -> None:
        self._finished = True
        self._source.forward = self._drop

    def _drop(self, data: bytes) -> None:
        self._diverted += len(data)

    def _random(self, toxic: Toxic) -> Random:
        return Random(f"{self._connection.seed}/{self.stream}/{toxic.name}")

    def _is_hit_by(self, toxic: Toxic) -> bool:
        return toxic.toxicity >= 1 or self._random(toxic).random() < toxic.toxicity

    def _make(self, toxic: Toxic, outlet: Outlet) -> Stage:
        stage = STAGES[type(toxic)](toxic, self._connection.clock, self._random(toxic), self)
        stage.outlet = outlet
        stage.start()
        return stage

    def _keep_update_remove(self, wanted: dict[str, Toxic]) -> None:
        """Go through the chain from its end, so that what a stage hands on finds its new outlet."""
        chain: list[Stage] = []
        outlet: Outlet = self
        for stage in reversed(self._chain):
            stage.outlet = outlet
            survivor = self._survivor(stage, wanted.get(stage.toxic.name))
            if survivor is not None:
                chain.append(survivor)
                outlet = survivor
        self._chain = chain[::-1]

    def _survivor(self, stage: Stage, toxic: Toxic | None) -> Stage | None:
        """The stage that takes the place of ``stage`` now that its toxic is ``toxic``."""
        if stage.closed or stage.toxic == toxic:
            return stage
        if toxic is not None and type(stage.toxic) is type(toxic):
            heir = self._make(toxic, stage.outlet)
            heir.succeed(stage)
            return heir
        return None if stage.leave() else stage

    def _insert(self, wanted: list[Toxic]) -> None:
        position = 0
        for toxic in wanted:
            names = [stage.toxic.name for stage in self._chain]
            if toxic.name in names:
                position = names.index(toxic.name) + 1
                continue
            outlet = self._chain[position] if position < len(self._chain) else self
            stage = self._make(toxic, outlet)
            if position:
                self._chain[position - 1].outlet = stage
            self._chain.insert(position, stage)
            position += 1
