"""What the runner and the load generator tell each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stormlab.live.observers import _Last
from stormlab.live.plan import Plan, Rows, announce, read
from stormlab.scenario import loader


def test_a_plan_survives_the_way_to_the_other_process(tmp_path: Path) -> None:
    scenario = loader.load("retry-storm", variant="budget")
    file = tmp_path / "effective.toml"
    file.write_text(loader.dump(scenario), encoding="utf-8")
    plan = Plan(
        scenario_path=str(file),
        name="retry-storm",
        variant="budget",
        seed=7,
        targets={"kv": ["http://127.0.0.1:1"]},
        folder=str(tmp_path),
        grace=5,
    )
    assert read(plan.write()) == plan
    assert read(plan.write()).scenario() == scenario


def test_rows_survive_the_way_back_and_know_how_late_they_were(tmp_path: Path) -> None:
    rows = Rows(
        intended=np.array([1.0, 2.0]),
        sent=np.array([1.25, 2.0]),
        ended=np.array([1.5, 3.0]),
        ending=np.array([0, 3]),
        attempts=np.array([1, 4]),
        tries=np.array([1.25, 2.0, 2.1, 2.2, 2.3]),
        unfinished=1,
        dropped=2,
    )
    rows.write(tmp_path / "web.npz")
    back = Rows.read(tmp_path / "web.npz")
    assert (back.unfinished, back.dropped) == (1, 2)
    np.testing.assert_array_equal(back.lateness(), [0.25, 0.0])
    np.testing.assert_array_equal(back.tries, rows.tries)


def test_an_announcement_appears_whole(tmp_path: Path) -> None:
    announce(tmp_path / "go", "1.5")
    assert (tmp_path / "go").read_text(encoding="utf-8") == "1.5"
    assert [path.name for path in tmp_path.iterdir()] == ["go"]


def test_a_counter_goes_on_where_a_restarted_process_begins_at_zero() -> None:
    last = _Last()
    assert [last.total(value) for value in (0, 5, 9, 2, 4)] == [0, 5, 9, 11, 13]
