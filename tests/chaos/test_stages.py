"""Stages on a clock that stands still until it is told to move: exact instants, exact pieces."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.chaos.server.stages import STAGES, Chunk, Stage
from stormlab.chaos.toxics import (
    KINDS,
    Bandwidth,
    Latency,
    LimitData,
    Noop,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)


class Timer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Bench:
    """A stage between a hand that feeds it and a record of what it lets through; also its clock and its valve."""

    def __init__(self, toxic: Toxic) -> None:
        self.now = 0.0
        self.out: list[tuple[float, bytes]] = []
        self.ended_at: float | None = None
        self.is_held = self.resets = False
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self.stage = self.make(toxic)

    def make(self, toxic: Toxic) -> Stage:
        stage = STAGES[type(toxic)](toxic, self, Random(1), self)
        stage.outlet = self
        stage.start()
        return stage

    def update(self, toxic: Toxic) -> None:
        new = self.make(toxic)
        new.succeed(self.stage)
        self.stage = new

    def push(self, data: bytes) -> None:
        self.stage.feed(Chunk(data, self.now))

    def run(self, until: float = 1e6) -> None:
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            if timer.callback:
                timer.callback()
        self.now = max(self.now, until) if until < 1e6 else self.now

    def seen(self) -> tuple[bytes, float | None]:
        return self.passed, self.ended_at

    @property
    def passed(self) -> bytes:
        return b"".join(data for _, data in self.out)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    def feed(self, chunk: Chunk) -> None:
        assert self.ended_at is None
        self.out.append((self.now, bytes(chunk.data)))

    def end(self) -> None:
        assert self.ended_at is None
        self.ended_at = self.now

    def hold(self, holder: object) -> None:
        self.is_held = True

    def release(self, holder: object) -> None:
        self.is_held = False

    def reset_on_close(self) -> None:
        self.resets = True


def test_every_kind_of_toxic_has_its_stage() -> None:
    assert set(STAGES) == set(KINDS.values())


def test_noop_passes_on() -> None:
    bench = Bench(Noop())
    bench.push(b"ab")
    bench.stage.end()
    assert (bench.out, bench.ended_at) == ([(0.0, b"ab")], 0.0)


def test_latency_shifts_and_does_not_slow() -> None:
    bench = Bench(Latency(latency=0.5))
    bench.push(b"a")
    bench.run(until=0.2)
    bench.push(b"b")
    bench.stage.end()
    bench.run()
    assert bench.out == [(0.5, b"a"), (0.7, b"b")]
    assert bench.ended_at == 0.7


def test_jitter_never_changes_the_order_and_stays_in_range() -> None:
    bench = Bench(Latency(latency=0.5, jitter=0.4))
    for number in range(50):
        bench.run(until=number / 100)
        bench.push(bytes([number]))
    bench.run()
    assert bench.passed == bytes(range(50))
    assert all(number / 100 + 0.1 - 1e-9 <= at <= number / 100 + 0.9 + 0.5 for number, (at, _) in enumerate(bench.out))
    assert len({round(at - number / 100, 6) for number, (at, _) in enumerate(bench.out)}) > 10


def test_latency_holds_back_when_it_holds_too_much() -> None:
    bench = Bench(Latency(latency=1))
    bench.push(b"x" * 9_000_000)
    assert bench.is_held
    bench.run()
    assert not bench.is_held


def test_latency_updated_counts_from_when_the_data_came() -> None:
    bench = Bench(Latency(latency=10))
    bench.push(b"a")
    bench.run(until=1)
    bench.update(Latency(latency=3))
    bench.run()
    assert bench.out == [(3.0, b"a")]


def test_latency_updated_below_what_has_passed_lets_go_at_once() -> None:
    bench = Bench(Latency(latency=10))
    bench.push(b"a")
    bench.stage.end()
    bench.run(until=2)
    bench.update(Latency(latency=1))
    assert (bench.out, bench.ended_at) == ([(2.0, b"a")], 2.0)


def test_bandwidth_sends_tenths_of_a_second() -> None:
    bench = Bench(Bandwidth(rate=1000))
    bench.push(b"x" * 250)
    bench.run()
    assert [(round(at, 9), len(data)) for at, data in bench.out] == [(0.1, 100), (0.2, 100), (0.25, 50)]


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=20), st.integers(1, 100))
def test_bandwidth_takes_exactly_size_over_rate(chunks: list[bytes], rate: int) -> None:
    bench = Bench(Bandwidth(rate=rate * 1000))
    for chunk in chunks:
        bench.push(chunk)
    bench.run()
    assert bench.passed == b"".join(chunks)
    assert bench.now == pytest.approx(len(bench.passed) / (rate * 1000))


def test_bandwidth_earns_nothing_while_idle() -> None:
    bench = Bench(Bandwidth(rate=1000))
    bench.run(until=100)
    bench.push(b"x" * 50)
    bench.run()
    assert bench.out == [(100.05, b"x" * 50)]


def test_bandwidth_of_nothing_lets_nothing_through() -> None:
    bench = Bench(Bandwidth(rate=0))
    bench.push(b"x")
    bench.stage.end()
    bench.run()
    assert bench.seen() == (b"", None)
    assert bench.stage.leave()
    assert bench.seen() == (b"x", 0.0)


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 300), st.integers(0, 300), st.sampled_from([0, 0.001]))
def test_slices_are_within_the_variation_and_whole_together(data: bytes, size: int, vary: int, delay: float) -> None:
    bench = Bench(Slicer(average_size=size, size_variation=vary, delay=delay))
    bench.push(data)
    bench.stage.end()
    bench.run()
    assert bench.passed == data
    assert all(max(1, size - vary) <= len(piece) <= size + vary for _, piece in bench.out[:-1])
    assert bench.ended_at == pytest.approx(delay * (len(bench.out) - 1))


def test_a_slicer_of_no_size_cuts_nothing() -> None:
    bench = Bench(Slicer())
    bench.push(b"x" * 10_000)
    assert bench.out == [(0.0, b"x" * 10_000)]


def test_slow_close_delays_the_end_alone() -> None:
    bench = Bench(SlowClose(delay=2))
    bench.push(b"a")
    bench.stage.end()
    bench.run()
    assert (bench.out, bench.ended_at) == ([(0.0, b"a")], 2.0)


def test_slow_close_updated_starts_its_wait_anew() -> None:
    bench = Bench(SlowClose(delay=20))
    bench.stage.end()
    bench.run(until=1)
    bench.update(SlowClose(delay=2))
    bench.run()
    assert bench.ended_at == 3.0


def test_timeout_counts_from_the_last_data() -> None:
    bench = Bench(Timeout(timeout=2))
    bench.run(until=1.5)
    bench.push(b"a")
    bench.run()
    assert (bench.out, bench.ended_at) == ([], 3.5)


@pytest.mark.parametrize("timeout", [0, 2])
def test_timeout_removed_ends_the_stream(timeout: float) -> None:
    bench = Bench(Timeout(timeout=timeout))
    assert not bench.stage.leave()
    assert bench.ended_at == 0.0
    bench.push(b"late")
    bench.run()
    assert bench.out == []


def test_reset_peer_waits_for_data_and_then_its_timeout() -> None:
    bench = Bench(ResetPeer(timeout=1))
    bench.run(until=5)
    assert bench.ended_at is None
    bench.push(b"a")
    bench.push(b"b")
    bench.run()
    assert bench.seen() == (b"", 6.0)
    assert bench.resets


def test_reset_peer_removed_before_data_does_nothing() -> None:
    bench = Bench(ResetPeer(timeout=1))
    assert bench.stage.leave()
    assert (bench.ended_at, bench.resets) == (None, False)


def test_reset_peer_removed_after_data_resets_at_once() -> None:
    bench = Bench(ResetPeer(timeout=1))
    bench.push(b"a")
    assert not bench.stage.leave()
    assert (bench.ended_at, bench.resets) == (0.0, True)


def test_reset_peer_updated_after_data_waits_anew() -> None:
    bench = Bench(ResetPeer(timeout=60))
    bench.push(b"a")
    bench.update(ResetPeer(timeout=2))
    bench.run()
    assert (bench.ended_at, bench.resets) == (2.0, True)


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(0, 300))
def test_limit_data_passes_a_prefix(chunks: list[bytes], limit: int) -> None:
    bench = Bench(LimitData(bytes=limit))
    for chunk in chunks:
        bench.push(chunk)
    assert bench.passed == b"".join(chunks)[:limit]
    assert (bench.ended_at is not None) == (bool(chunks) and len(b"".join(chunks)) >= limit)


def test_limit_data_updated_counts_what_has_passed() -> None:
    bench = Bench(LimitData(bytes=10))
    bench.push(b"x" * 6)
    bench.update(LimitData(bytes=8))
    assert bench.seen() == (b"x" * 6, None)
    bench.push(b"y" * 6)
    assert bench.seen() == (b"x" * 6 + b"yy", 0.0)


@pytest.mark.parametrize("toxic", [Noop(), Latency(latency=1), Bandwidth(rate=1000), Slicer(average_size=1, delay=1)])
def test_a_stage_that_leaves_hands_on_all_it_holds(toxic: Toxic) -> None:
    bench = Bench(toxic)
    bench.push(b"abc")
    bench.push(b"def")
    bench.stage.end()
    if bench.ended_at is None:
        assert bench.stage.leave()
    assert (bench.passed, bench.ended_at, bench.is_held) == (b"abcdef", 0.0, False)
    bench.run()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_stage_discarded_does_nothing_more(kind: str) -> None:
    bench = Bench(KINDS[kind](**dict.fromkeys(KINDS[kind]().attributes(), 1000)))  # type: ignore[arg-type]
    bench.push(b"abc")
    seen = list(bench.out)
    bench.stage.discard()
    bench.run()
    assert (bench.out, bench.ended_at) == (seen, None)
