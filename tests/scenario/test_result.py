"""Expectations hold what happened against their bounds, and a run leaves a complete folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stormlab.outcome import Ending
from stormlab.scenario import loader
from stormlab.scenario.expectations import Check, check
from stormlab.scenario.model import Scenario
from stormlab.scenario.recorder import Recorder
from stormlab.scenario.result import Dose, Result, conclude, write
from stormlab.scenario.series import read
from stormlab.scenario.verdict import Verdict, Word
from tests.scenario.building import SPIKE, filled, scenario, series

RECOVERED = Verdict(word=Word.RECOVERED, time_to_recover=12.0, loop=None, sentence="")
STUCK = Verdict(word=Word.METASTABLE, time_to_recover=None, loop=None, sentence="")


def only(expectation: dict[str, Any], verdict: Verdict = RECOVERED) -> Check:
    (one,) = check(scenario(faults=[SPIKE], expect=[expectation]), series(), verdict)
    return one


@pytest.mark.parametrize(
    ("expectation", "verdict", "value", "bounds", "ok"),
    [
        ({"verdict": ["recovered", "unaffected"]}, RECOVERED, "recovered", "recovered or unaffected", True),
        ({"verdict": ["recovered"]}, STUCK, "metastable", "recovered", False),
        ({"measure": "goodput", "min": 60}, RECOVERED, 60, "60 ≤ goodput", True),
        ({"measure": "goodput", "max": 59.9}, RECOVERED, 60, "goodput ≤ 59.9", False),
        ({"measure": "latency_p99", "min": 0.1, "max": 1}, RECOVERED, 0.5, "0.1 ≤ latency_p99 ≤ 1", True),
        ({"measure": "time_to_recover", "max": 45}, RECOVERED, 12, "time_to_recover ≤ 45", True),
        ({"measure": "time_to_recover", "max": 45}, STUCK, None, "time_to_recover ≤ 45", False),
    ],
)
def test_an_expectation_has_a_value_its_bounds_and_an_answer(
    expectation: dict[str, Any], verdict: Verdict, value: object, bounds: str, *, ok: bool
) -> None:
    one = only(expectation, verdict)
    assert (one.value, one.bounds, one.ok) == (value, bounds, ok)


def test_names_say_what_is_bounded_and_where() -> None:
    assert only({"measure": "queue", "max": 9, "window": "end"}).name == "queue end"
    assert only({"measure": "queue", "max": 9, "window": [5, 10]}).name == "queue 5 to 10 s"
    assert only({"measure": "goodput", "max": 9, "client": "web"}).name == "goodput of web after"
    assert only({"measure": "time_to_recover", "max": 9}).name == "time_to_recover"
    assert only({"verdict": ["recovered"]}).name == "verdict"
    assert only({"name": "short", "verdict": ["recovered"], "share": 0.9}) == Check(
        name="short", value="recovered", bounds="recovered", ok=True, share=0.9
    )


def test_what_was_not_measured_does_not_hold() -> None:
    described = scenario(faults=[SPIKE], expect=[{"measure": "success_ratio", "max": 1}])
    (one,) = check(described, series(offered=filled(100, 0)), RECOVERED)
    assert not one.ok


@pytest.mark.parametrize(
    ("asked", "observed", "ok"), [(10, 10.9, True), (10, 11.1, False), (10, 8.9, False), (0, 0, True)]
)
def test_a_dose_may_be_off_by_a_tenth(asked: float, observed: float, *, ok: bool) -> None:
    assert Dose(fault="spike", unit="s", asked=asked, observed=observed).ok is ok


@pytest.fixture
def described() -> Scenario:
    return scenario(run={"duration": 60}, faults=[SPIKE], expect=[{"verdict": ["unaffected"]}]).model_copy(
        update={"name": "storm", "variant": "calm"}
    )


def concluded(described: Scenario, **more: Any) -> Result:
    recorder = Recorder(described)
    log = recorder.clients["web"]
    for second in range(60):
        log.offered[second] += 1
        log.attempts[second] += 1
        log.ended(second, second + 0.25, Ending.OK, 1)
    return conclude(recorder, world="sim", seed=7, **more)


def test_a_result_is_judged_and_checked(described: Scenario) -> None:
    result = concluded(described)
    assert (result.verdict.word, result.ok, result.valid) == (Word.UNAFFECTED, True, True)
    assert result.measures["after"]["goodput"] == 1
    assert result.measures["baseline"]["latency_p50"] == 0.25


def test_a_void_run_says_why(described: Scenario) -> None:
    result = concluded(described, void=["the load came late"])
    assert not result.valid
    assert result.as_json()["void"] == ["the load came late"]


def test_the_folder_holds_everything_and_twice_the_same(described: Scenario, tmp_path: Path) -> None:
    dose = Dose(fault="spike", unit="1/s", asked=180, observed=60)
    result = concluded(described, doses=[dose], facts={"wall_seconds": 1.5})
    for folder in ("a", "b"):
        write(result, tmp_path / folder)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "calls.csv",
        "manifest.json",
        "scenario.toml",
        "series.csv",
        "verdict.json",
    ]
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()

    again = loader.load(tmp_path / "a" / "scenario.toml")
    assert again.model_copy(update={"name": "storm", "variant": "calm"}) == described
    assert read(tmp_path / "a" / "series.csv")["offered"].sum() == 60
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["scenario"], manifest["variant"], manifest["seed"]) == ("storm", "calm", 7)
    assert manifest["doses"][0]["ok"] is False
    assert manifest["wall_seconds"] == 1.5


def test_json_has_no_nan(described: Scenario, tmp_path: Path) -> None:
    write(conclude(Recorder(described), world="sim", seed=1), tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert verdict["measures"]["after"]["latency_p50"] is None
