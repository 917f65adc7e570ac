"""The figures of a load test."""

from __future__ import annotations

import pytest

from stormlab.report.load_page import latency_figure


@pytest.mark.parametrize(("slowest", "scale"), [(0.004, "linear"), (0.9, "log")])
def test_latency_is_told_in_plain_numbers_however_wide_it_is(slowest: float, scale: str) -> None:
    load = {"total": {"latency": {"p50": 0.002, "p99": slowest}}, "stopped": None}
    seconds = [{"latency.p50": 0.002, "latency.p99": p99} for p99 in (0.003, slowest)]
    (axes,) = latency_figure(load, seconds).axes
    axes.figure.canvas.draw()
    marks = [text.get_text() for which in ("major", "minor") for text in axes.yaxis.get_ticklabels(which=which)]
    assert axes.get_yscale() == scale
    assert any(marks) and not any("$" in mark for mark in marks)


def test_a_load_test_in_which_nothing_succeeded() -> None:
    load = {"total": {"latency": {"p50": None, "p99": None}}, "stopped": None}
    figure = latency_figure(load, [{"latency.p50": None, "latency.p99": None}])
    assert figure.get_suptitle() == "No request succeeded"
