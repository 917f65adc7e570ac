"""Series survive the way to a file and back, byte for byte."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stormlab.scenario.series import Series, read
from tests.scenario.building import filled, series


def test_a_series_reads_back_as_it_was_and_writes_the_same_bytes(tmp_path: Path) -> None:
    written = series(4, **{"latency__p50": np.array([0.1, np.nan, 1 / 3, 1e-7])})
    written = Series(columns=written.columns, faults=("", "spike", "spike+a, b", ""))
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    written.write(first)
    again = read(first)
    again.write(second)
    assert first.read_bytes() == second.read_bytes()
    assert again.faults == written.faults
    assert list(again.columns) == list(written.columns)
    for name, column in written.columns.items():
        assert again[name] == pytest.approx(column, rel=1e-8, nan_ok=True)


def test_the_file_has_a_header_seconds_and_empty_cells_for_what_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    columns = {"offered": np.array([60.0, 61.5]), "latency.p50": np.array([np.nan, 0.25])}
    Series(columns=columns, faults=("", "x")).write(path)
    assert path.read_text(encoding="utf-8") == "t,offered,latency.p50,faults\n0,60,,\n1,61.5,0.25,x\n"


@given(values=some.lists(some.floats(0, 1e6) | some.just(math.nan), max_size=20))
def test_any_column_survives_to_nine_digits(values: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("series") / "series.csv"
    Series(columns={"x": np.array(values)}, faults=("",) * len(values)).write(path)
    assert read(path)["x"] == pytest.approx(np.array(values), rel=1e-8, abs=1e-300, nan_ok=True)


def test_services_are_found_by_their_columns() -> None:
    both = series(2, service__db__queue=filled(2, 0))
    assert both.services() == ["kv", "db"]


def test_latency_over_several_bins_is_exact_in_memory_and_weighted_after_a_reload() -> None:
    latencies = (np.array([1.0, 2.0, 3.0]), np.empty(0), np.array([10.0]))
    columns = {"goodput": np.array([3.0, 0, 1]), "latency.p50": np.array([2.0, np.nan, 10])}
    live = Series(columns=columns, faults=("",) * 3, latencies=latencies)
    reloaded = Series(columns=columns, faults=("",) * 3)
    assert live.latency(0, 3, 0.5) == 2.5
    assert live.latency(0, 1, 1.0) == 3.0
    assert reloaded.latency(0, 3, 0.5) == 4.0
    assert math.isnan(live.latency(1, 2, 0.5))
    assert math.isnan(reloaded.latency(1, 2, 0.5))
    with pytest.raises(ValueError, match="knows the quantiles"):
        reloaded.latency(0, 3, 0.9)
