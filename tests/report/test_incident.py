"""The figure of a whole incident: the record in its place, the service that matters, nothing without a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from stormlab.report.incident import bottleneck, incident_figure, record_lanes
from stormlab.scenario.model import Moment
from stormlab.scenario.result import Result
from tests.report.conftest import Make

RECORD = (Moment(at=15, clock="2:19", what="network disruption"), Moment(at=70, clock="7:10", what="all is normal"))


def on_record(result: Result, timeline: Sequence[Moment] = RECORD) -> Result:
    return replace(result, scenario=result.scenario.model_copy(update={"timeline": tuple(timeline)}))


def with_columns(result: Result, **columns: float) -> Result:
    rows = {name.replace("__", "."): np.full(80, value) for name, value in columns.items()}
    return replace(result, series=replace(result.series, columns={**result.series.columns, **rows}))


def test_without_a_record_there_is_no_figure(storm: Result) -> None:
    assert incident_figure([storm]) is None


def test_each_moment_is_marked_in_every_panel_and_named_once(storm: Result) -> None:
    figure = incident_figure([with_columns(on_record(storm), service__kv__arrivals=240.0)])
    assert figure is not None
    assert len(figure.axes) == 2
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"2:19 network disruption", "7:10 all is normal", "spike"} <= set(texts)
    for axes in figure.axes:
        ends = [np.asarray(line.get_xdata(), dtype=float).tolist() for line in axes.get_lines()]
        assert [15, 15] in ends
        assert [70, 70] in ends
    assert figure.axes[-1].get_xlabel() == "time in s"
    assert figure.axes[1].get_ylabel() == "kv, 1/s"
    assert {text.get_text() for text in figure.axes[1].texts} == {"gets 240/s", "can do 100/s"}


def test_replicas_that_were_out_get_a_panel_of_their_own(storm: Result) -> None:
    scenario = storm.scenario
    several = scenario.services["kv"].model_copy(update={"replicas": 4})
    fleet = replace(storm, scenario=scenario.model_copy(update={"services": {"kv": several}}))
    figure = incident_figure([with_columns(on_record(fleet), service__kv__in_service=0.5)])
    assert figure is not None
    assert figure.axes[-1].get_ylabel() == "kv fit"


def test_many_seeds_and_two_worlds_say_how_they_are_drawn(make: Make) -> None:
    runs = [on_record(make(storm=True, seed=seed)) for seed in range(3)]
    figure = incident_figure([*runs, on_record(make(storm=True, world="live"))])
    assert figure is not None
    title = figure.axes[0].get_title(loc="left")
    assert title.endswith("line: median of 3 seeds, band: nine tenths of them · dots: live")


def test_moments_close_to_each_other_stand_in_different_lines(storm: Result) -> None:
    moments = [
        Moment(at=15, what="something of some length"),
        Moment(at=16, what="more"),
        Moment(at=60, what="the end"),
    ]
    assert record_lanes(on_record(storm, moments).scenario) == [0, 1, 0]


@pytest.mark.parametrize(("arrivals", "found"), [(50.0, "kv"), (float("nan"), "")])
def test_the_busiest_service_is_found_if_any_is_known(storm: Result, arrivals: float, found: str) -> None:
    result = with_columns(storm, service__kv__arrivals=arrivals)
    assert bottleneck(result.series, result.scenario) == found
