"""Retry storms: the published thresholds and outcomes, from the simulated world."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulations import retry_storm as study
from stormlab.sim.world import run


def test_bronsons_range_is_the_published_one() -> None:
    assert (study.BRONSON_RANGE.low, study.BRONSON_RANGE.high) == (150, 300)


@pytest.mark.parametrize(("rate", "goodput", "attempts"), [(120, 120, 120), (170, 0, 340), (280, 0, 560)])
def test_bronsons_example_ends_as_published(rate: int, goodput: float, attempts: float) -> None:
    series = run(study.bronson(rate, seconds=70.0)).series
    assert series["goodput"][-10:].mean() == pytest.approx(goodput, abs=1)
    assert series["attempts"][-10:].mean() == pytest.approx(attempts, rel=0.01)


def test_without_the_outage_the_vulnerable_state_is_a_good_one() -> None:
    calm = study.bronson(280, seconds=30.0).model_copy(update={"faults": ()})
    assert run(calm).series["succeeded"][-10:].mean() == pytest.approx(280, rel=0.01)


@pytest.mark.parametrize(("cut", "outcome"), [(0.775, "recovers"), (0.80, "metastable")])
def test_huangs_trigger_experiment_ends_as_published_and_as_the_fluid_model_says(cut: float, outcome: str) -> None:
    assert study.fluid(cut).is_metastable == (outcome == "metastable")
    assert (run(study.huang(cut)).verdict.word == "metastable") == (outcome == "metastable")


def test_main_asserts_the_findings_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "BRONSON_LOADS", (100, 200))
    monkeypatch.setattr(study, "SEEDS", 1)
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "retry_storm.png").stat().st_size > 10_000
    assert "Huang, −80 % CPU: metastable" in capsys.readouterr().out


def test_bronsons_way_out_is_fewer_retries_than_there_is_room_for() -> None:
    """At 280 queries/s there is room for 20 retries/s; a budget of 5 % allows 14/s."""
    policies = [
        {"kind": "retry", "max_retries": 1, "backoff": {"kind": "none"}},
        {"kind": "retry-budget", "deposit": 0.05, "capacity": 1.0},
        {"kind": "timeout", "seconds": 1.0},
    ]
    limit = {"kind": "change", "at": 22, "target": "clients.app", "set": {"policies": policies}}
    series = run(study.bronson(280, seconds=400.0, interventions=[limit])).series
    assert series["goodput"][30:100].max() == 0
    assert series["goodput"][-10:].mean() > 0.98 * 280


def test_the_calibrated_model_decides_between_the_published_cuts() -> None:
    assert [study.fluid(cut).is_metastable for cut in (0.775, 0.78, 0.80)] == [False, False, True]


def test_at_78_percent_the_world_is_just_beyond_the_border_that_the_fluid_model_puts_at_more() -> None:
    """The paper's run recovers at 78 %; ours does at 77.5 % and not at 78 %. The reason is measured here.

    When the cut ends, the backlog is what the fluid model says, less than the time-out of 3 s. But callers who are in
    the queue then go on timing out, so that it still grows for 2 s: past 3 s at 78 %, which is what sustains the storm.
    The paper says itself that outcomes near the border are a matter of chance.
    """
    result = run(study.huang(0.78))
    (cut,) = result.scenario.faults
    seconds_of_work = result.series["service.mongo.queue"] * study.HUANG_SCALE / 16_000
    end = int(cut.until) - 1
    fluid = study.fluid(0.78).backlog / 16_000
    assert fluid == pytest.approx(2.86, abs=0.01)
    assert seconds_of_work[end] == pytest.approx(fluid, rel=0.05)
    assert seconds_of_work[end] < 3 < seconds_of_work[end + 2]
    assert result.verdict.word == "metastable"
