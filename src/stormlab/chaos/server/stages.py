"""What each toxic does to the bytes of one direction of one connection.

A stage is pushed chunks and, once, the end of the stream; it hands them on to its ``outlet``, at once or later. It owns
no socket and knows no loop: time comes from a `Clock`, chance from a seeded `Random`, and pressure goes back through a
`Valve`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from random import Random
from typing import ClassVar, Final, NamedTuple, Protocol

from stormlab.chaos import toxics
from stormlab.chaos.toxics import Toxic


class Chunk(NamedTuple):
    """Bytes, and the instant in s at which they came."""

    data: bytes | memoryview
    time: float


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    def time(self) -> float:
        """Seconds since some fixed moment; never runs backwards."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` in ``delay`` s, and not before this turn of the loop is over."""
        ...


class Outlet(Protocol):
    """Where a stage hands on what it lets through."""

    def feed(self, chunk: Chunk) -> None: ...

    def end(self) -> None: ...


class Valve(Protocol):
    """What a stage can do to its connection."""

    def hold(self, holder: object) -> None:
        """Stop reading from the source until ``holder`` releases it."""
        ...

    def release(self, holder: object) -> None: ...

    def reset_on_close(self) -> None:
        """From now on both sides of the connection close with a TCP RST, dropping what was not yet sent."""
        ...


class Stage:
    """Passes everything on; kinds of toxic change that."""

    def __init__(self, toxic: Toxic, clock: Clock, random: Random, valve: Valve) -> None:
        self.toxic = toxic
        self.outlet: Outlet
        self._clock = clock
        self._random = random
        self._valve = valve
        self._timer: Timer | None = None
        self.closed = False

    def start(self) -> None:
        """Called once, when the outlet is set."""

    def feed(self, chunk: Chunk) -> None:
        self.outlet.feed(chunk)

    def end(self) -> None:
        self._close()

    def succeed(self, older: Stage) -> None:
        """Take over from the stage of the same toxic before it was updated."""
        older.retire(self)

    def retire(self, heir: Outlet) -> None:
        """Hand what is still held to ``heir`` and do nothing more."""
        self.discard()

    def leave(self) -> bool:
        """Step aside, since the toxic was taken away; ``False`` when the stage has to stay, having ended the stream."""
        self.retire(self.outlet)
        return True

    def discard(self) -> None:
        """Drop what is held and do nothing more."""
        self._stop_timer()
        self.closed = True

    def _close(self) -> None:
        self._stop_timer()
        if not self.closed:
            self.closed = True
            self.outlet.end()

    def _restart_timer(self, delay: float, callback: Callable[[], object]) -> None:
        self._stop_timer()
        self._timer = self._clock.call_later(delay, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class QueueingStage(Stage):
    """Holds chunks, in order, each until it is due; reading stops while more than ``capacity`` bytes are held."""

    capacity: ClassVar[int] = 64 * 1024
    one_per_turn: ClassVar[bool] = False

    def __init__(self, toxic: Toxic, clock: Clock, random: Random, valve: Valve) -> None:
        super().__init__(toxic, clock, random, valve)
        self._held: deque[Chunk] = deque()
        self._held_bytes = 0
        self._due: float | None = None
        self._ended = False

    def feed(self, chunk: Chunk) -> None:
        if self.closed:
            return
        self._held.append(chunk)
        self._held_bytes += len(chunk.data)
        if self._held_bytes > self.capacity:
            self._valve.hold(self)
        if self._timer is None:
            self._advance()

    def end(self) -> None:
        self._ended = True
        if not self._held:
            self._close()

    def retire(self, heir: Outlet) -> None:
        held = list(self._held)
        self.discard()
        for chunk in held:
            heir.feed(chunk)
        if self._ended:
            heir.end()

    def discard(self) -> None:
        super().discard()
        self._held.clear()
        self._valve.release(self)

    def _next_due(self) -> float:
        """When the chunk at the head may go; called once per head, which it may cut."""
        raise NotImplementedError

    def _advance(self) -> None:
        self._timer = None
        while self._held:
            if self._due is None:
                self._due = self._next_due()
            wait = self._due - self._clock.time()
            if wait > 0:
                self._wait(wait)
                return
            self._let_go()
            if self.one_per_turn and self._held:
                self._wait(0)
                return
        if self._ended:
            self._close()

    def _wait(self, delay: float) -> None:
        if math.isfinite(delay):
            self._restart_timer(delay, self._advance)

    def _let_go(self) -> None:
        chunk = self._held.popleft()
        self._due = None
        self._held_bytes -= len(chunk.data)
        if self._held_bytes <= self.capacity // 2:
            self._valve.release(self)
        self.outlet.feed(Chunk(chunk.data, self._clock.time()))

    def _cut_head(self, size: int) -> Chunk:
        """Make the head at most ``size`` bytes long."""
        head = self._held[0]
        if len(head.data) > size:
            view = memoryview(head.data)
            self._held[0] = Chunk(view[size:], head.time)
            self._held.appendleft(Chunk(view[:size], head.time))
        return self._held[0]


class LatencyStage(QueueingStage):
    """Each chunk is due its delay after it came, or when the one before it has gone."""

    toxic: toxics.Latency
    capacity = 8 * 1024 * 1024

    def _next_due(self) -> float:
        jitter = self.toxic.jitter
        return self._held[0].time + self.toxic.latency + (self._random.uniform(-jitter, jitter) if jitter else 0.0)


class BandwidthStage(QueueingStage):
    """A piece, a tenth of a second long, is due when a line of the given rate would have carried its last byte."""

    toxic: toxics.Bandwidth
    _free_at = -math.inf

    def _next_due(self) -> float:
        rate = self.toxic.rate
        if rate == 0:
            return math.inf
        piece = self._cut_head(math.ceil(rate / 10))
        self._free_at = max(self._free_at, piece.time) + len(piece.data) / rate
        return self._free_at


class SlicerStage(QueueingStage):
    """Pieces are cut at the head and go one per turn of the loop, so that the kernel sees each of them."""

    toxic: toxics.Slicer
    one_per_turn = True
    _free_at = -math.inf

    def _next_due(self) -> float:
        size, variation = self.toxic.average_size, self.toxic.size_variation
        if size:
            self._cut_head(max(1, size + self._random.randint(-variation, variation)))
        due = max(self._free_at, self._held[0].time)
        self._free_at = due + self.toxic.delay
        return due


class SlowCloseStage(Stage):
    toxic: toxics.SlowClose
    _ending = False

    def end(self) -> None:
        self._ending = True
        self._restart_timer(self.toxic.delay, self._close)

    def retire(self, heir: Outlet) -> None:
        super().retire(heir)
        if self._ending:
            heir.end()


class TimeoutStage(Stage):
    """The wait starts anew with every chunk, as in Toxiproxy."""

    toxic: toxics.Timeout

    def start(self) -> None:
        if self.toxic.timeout > 0:
            self._restart_timer(self.toxic.timeout, self._close)

    def feed(self, chunk: Chunk) -> None:
        if not self.closed:
            self.start()

    def leave(self) -> bool:
        self._close()
        return False


class ResetPeerStage(Stage):
    toxic: toxics.ResetPeer

    def feed(self, chunk: Chunk) -> None:
        self._trigger()

    def end(self) -> None:
        self._trigger()

    def retire(self, heir: Outlet) -> None:
        triggered = self._timer is not None
        super().retire(heir)
        if triggered:
            heir.end()

    def leave(self) -> bool:
        if self._timer is None:
            return super().leave()
        self._reset()
        return False

    def _trigger(self) -> None:
        if self._timer is None and not self.closed:
            self._restart_timer(self.toxic.timeout, self._reset)

    def _reset(self) -> None:
        self._valve.reset_on_close()
        self._close()


class LimitDataStage(Stage):
    toxic: toxics.LimitData
    passed = 0

    def feed(self, chunk: Chunk) -> None:
        if self.closed:
            return
        data = chunk.data[: max(0, self.toxic.bytes - self.passed)]
        self.passed += len(data)
        if data:
            self.outlet.feed(Chunk(data, chunk.time))
        if self.passed >= self.toxic.bytes:
            self._close()

    def succeed(self, older: Stage) -> None:
        assert isinstance(older, LimitDataStage)
        self.passed = older.passed
        super().succeed(older)


STAGES: Final[dict[type[Toxic], type[Stage]]] = {
    toxics.Noop: Stage,
    toxics.Latency: LatencyStage,
    toxics.Bandwidth: BandwidthStage,
    toxics.SlowClose: SlowCloseStage,
    toxics.Timeout: TimeoutStage,
    toxics.ResetPeer: ResetPeerStage,
    toxics.Slicer: SlicerStage,
    toxics.LimitData: LimitDataStage,
}
