"""Toxics as values: units, defaults, refusals."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.chaos.toxics import (
    KINDS,
    Bandwidth,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Stream,
    Timeout,
    Toxic,
    from_api,
)
from stormlab.errors import BadInput, InvalidValue


@pytest.mark.parametrize(
    ("toxic", "attributes"),
    [
        (Latency(latency=0.25, jitter=0.05), {"latency": 250, "jitter": 50}),
        (Bandwidth(rate=64_000), {"rate": 64}),
        (SlowClose(delay=1.5), {"delay": 1500}),
        (Timeout(timeout=3), {"timeout": 3000}),
        (ResetPeer(timeout=0), {"timeout": 0}),
        (
            Slicer(average_size=100, size_variation=20, delay=0.0005),
            {"average_size": 100, "size_variation": 20, "delay": 500},
        ),
        (LimitData(bytes=1024), {"bytes": 1024}),
    ],
)
def test_the_units_of_the_api_stay_at_the_edge(toxic: Toxic, attributes: dict[str, int]) -> None:
    assert toxic.to_api()["attributes"] == attributes
    assert from_api(toxic.to_api()) == toxic


@given(kind=st.sampled_from(sorted(KINDS)), count=st.integers(0, 2**40), stream=st.sampled_from(list(Stream)))
def test_whole_numbers_survive_the_way_there_and_back(kind: str, count: int, stream: Stream) -> None:
    body = {"type": kind, "stream": stream, "attributes": dict.fromkeys(KINDS[kind]().attributes(), count)}
    assert from_api(body).to_api() == body | {"name": f"{kind}_{stream}", "toxicity": 1.0, "stream": str(stream)}


def test_a_toxic_is_named_after_kind_and_stream() -> None:
    assert Latency().name == "latency_downstream"
    assert SlowClose(stream=Stream.UPSTREAM).name == "slow_close_upstream"
    assert Latency(name="mine").name == "mine"


def test_a_toxic_is_a_value() -> None:
    assert Latency(latency=1) == Latency(latency=1)
    assert len({Latency(latency=1), Latency(latency=1), Latency(latency=2)}) == 2
    with pytest.raises(FrozenInstanceError):
        Latency().latency = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "attribute", "value"),
    [
        (Latency, "latency", -0.1),
        (Latency, "jitter", float("nan")),
        (Timeout, "timeout", float("inf")),
        (Bandwidth, "rate", -1),
        (LimitData, "bytes", -1),
        (Latency, "toxicity", 1.5),
        (Latency, "toxicity", -0.5),
        (Latency, "latency", 0.0001),
        (Bandwidth, "rate", 100),
    ],
)
def test_values_without_meaning_are_refused_by_name(kind: type[Toxic], attribute: str, value: float) -> None:
    with pytest.raises(InvalidValue) as refusal:
        kind(**{attribute: value})  # type: ignore[arg-type]
    assert refusal.value.field == attribute
    assert isinstance(refusal.value, BadInput)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "none"}, "type"),
        ({}, "type"),
        ({"type": 1}, "type"),
        ({"type": "latency", "stream": "sideways"}, "stream"),
        ({"type": "latency", "name": 1}, "name"),
        ({"type": "latency", "toxicity": True}, "toxicity"),
        ({"type": "latency", "toxicity": 2}, "toxicity"),
        ({"type": "latency", "attributes": []}, "attributes"),
        ({"type": "latency", "attributes": {"latency": 0.5}}, "attributes.latency"),
        ({"type": "latency", "attributes": {"latency": True}}, "attributes.latency"),
        ({"type": "latency", "attributes": {"latency": -1}}, "latency"),
    ],
)
def test_bodies_that_describe_no_toxic_are_refused_by_key(body: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        from_api(body)
    assert refusal.value.field == field


def test_an_update_keeps_what_it_does_not_name() -> None:
    old = Latency(name="slow", latency=0.1, jitter=0.02, toxicity=0.5, stream=Stream.UPSTREAM)
    assert old.updated({}) == old
    assert old.updated({"attributes": {"jitter": 5}, "name": "other", "stream": "downstream"}) == Latency(
        name="slow", latency=0.1, jitter=0.005, toxicity=0.5, stream=Stream.UPSTREAM
    )
    assert old.updated({"toxicity": 1}).toxicity == 1


def test_the_stream_may_be_in_capitals() -> None:
    assert from_api({"type": "latency", "stream": "UPSTREAM"}).stream is Stream.UPSTREAM
