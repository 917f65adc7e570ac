"""The recursion: its numbers, its tree of spans, its bounds, and that it can be stopped."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN

from services.fibonacci.recursion import Recursion, burn
from stormlab.telemetry.tracing import Tracing


def closed_form(n: int) -> int:
    return round(((1 + 5**0.5) / 2) ** (n + 1) / 5**0.5)


def compute(n: int, *, room: int, tracing: Tracing | None = None) -> tuple[int, int]:
    """f(n) and the number of calls."""
    calls = Counter[str]()
    tracing = tracing or Tracing(None)

    async def run() -> int:
        entry = tracing.entry("GET /")
        result = await Recursion(tracing, counted=lambda: calls.update(["call"]), room=room)(n, entry)
        entry.end()
        return result

    return asyncio.run(run()), calls["call"]


@pytest.mark.parametrize("room", [0, 1, 7, 1000])
@pytest.mark.parametrize("n", [0, 1, 2, 6, 12])
def test_the_numbers_and_what_they_cost(n: int, room: int) -> None:
    assert compute(n, room=room) == (closed_form(n), 2 * closed_form(n) - 1)


@pytest.mark.parametrize("room", [0, 3, 1000])
def test_the_spans_are_the_tree_of_the_calls(room: int) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    compute(6, room=room, tracing=Tracing(provider, ratio=1.0))
    spans = {span.context.span_id: span for span in kept.get_finished_spans() if span.context}
    assert len({span.context.trace_id for span in spans.values() if span.context}) == 1
    calls = {key: span for key, span in spans.items() if span.name == "Fibonacci"}
    assert len(calls) == 25
    assert all(span.attributes and span.attributes["result"] == closed_form(index(span)) for span in calls.values())
    below = Counter(
        (index(spans[span.parent.span_id]), index(span))
        for span in calls.values()
        if span.parent and span.parent.span_id in calls
    )
    assert all(parent - child in (1, 2) for parent, child in below)
    assert Counter(parent for parent, _ in below.elements()) == {6: 2, 5: 2, 4: 4, 3: 6, 2: 10}


def index(span: ReadableSpan) -> int:
    assert span.attributes is not None
    n = span.attributes["n"]
    assert isinstance(n, int)
    return n


def test_a_request_has_a_bounded_number_of_tasks() -> None:
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))

    async def run() -> None:
        await Recursion(Tracing(None), counted=look, room=10)(16, INVALID_SPAN)

    asyncio.run(run())
    assert most == 11


def test_a_cancelled_computation_stops_and_leaves_no_task() -> None:
    calls = Counter[str]()

    async def run() -> None:
        recursion = Recursion(Tracing(None), counted=lambda: calls.update(["call"]), room=100)
        work = asyncio.create_task(recursion(25, INVALID_SPAN))
        for _ in range(20):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait({work})
        assert work.cancelled()
        assert len(asyncio.all_tasks()) == 1
        until_then = calls["call"]
        for _ in range(20):
            await asyncio.sleep(0)
        assert calls["call"] == until_then > 0

    asyncio.run(run())


def test_others_get_their_turn_while_processor_time_is_used_up() -> None:
    async def run() -> int:
        turns = 0
        work = asyncio.create_task(burn(0.03))
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(run()) >= 10
