"""``import stormlab`` as a notebook uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

import stormlab
from stormlab.errors import BadInput
from stormlab.scenario.verdict import Word


def test_run_returns_results_and_writes_nothing(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    runs = stormlab.run(scenario, variant="calm", seeds=2)
    assert [result.seed for result in runs] == [7, 8]
    assert runs.ok and runs.valid and runs.status == 0 and runs.worlds == ("sim",)
    assert runs[0].series["offered"].sum() > 0
    assert len(runs[:1]) == 1
    assert runs.out is None and sorted(tmp_path.iterdir()) == before


def test_a_scenario_by_its_name() -> None:
    (run,) = stormlab.run("retry-storm", variant="budget", overrides={"run.duration": 40, "faults.spike.for": 1})
    assert run.verdict.word in (Word.RECOVERED, Word.UNAFFECTED)


def test_load_then_run_is_the_same_as_run(scenario: Path) -> None:
    overrides = {"clients.web.arrivals": {"kind": "paced", "rate": 20}, "clients.web.policies": []}
    loaded = stormlab.load(scenario, variant="calm", overrides=overrides)
    assert loaded.clients["web"].policies == ()
    (one,), (other,) = stormlab.run(loaded), stormlab.run(scenario, variant="calm", overrides=overrides)
    assert one.measures == other.measures
    assert one.series["offered"][3] == 20


@pytest.mark.parametrize("value", [3, 0.5, True, "a = 'b'\n", [1, [2]], {"a": {"b": [{"c": 1}]}}], ids=repr)
def test_overrides_reach_the_scenario_as_they_are(value: object) -> None:
    import tomllib

    from stormlab.scenario.overrides import toml

    assert tomllib.loads(f"value = {toml(value)}") == {"value": value}


def test_what_a_notebook_shows_of_runs_is_how_they_ended(scenario: Path) -> None:
    runs = stormlab.run(scenario, variant="calm", seeds=2)
    assert repr(runs[1]) == f"<Result small calm sim 8: {runs[1].verdict.sentence}>"
    assert repr(runs) == "<Runs small calm: Unaffected in 2 of 2 runs: the share of requests that succeed never fell>"


def test_what_is_imported_at_first_use_is_completed_before() -> None:
    assert {"Pipeline", "compare", "load", "run"} <= set(dir(stormlab))


def test_compare_gives_runs_by_variant(scenario: Path) -> None:
    both = stormlab.compare(scenario, variants=["hopeless", "calm"])
    assert list(both) == ["hopeless", "calm"]
    assert not both["hopeless"].ok and both["calm"].ok
    assert list(stormlab.compare(scenario)) == ["calm", "hopeless"]


def test_progress_hears_every_run_from_start_to_end(scenario: Path) -> None:
    heard: list[tuple[int, float]] = []
    stormlab.run(scenario, seeds=2, progress=lambda job, share: heard.append((job.seed, share)))
    for seed in (7, 8):
        shares = [share for which, share in heard if which == seed]
        assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)


def test_out_writes_a_report(scenario: Path, tmp_path: Path) -> None:
    runs = stormlab.run(scenario, out=tmp_path / "results")
    assert runs.page is not None and runs.page.is_file()
    assert runs[0].out == tmp_path / "results" / "sim-seed-7"


@pytest.mark.parametrize(
    "choices",
    [
        {"world": "dream"},
        {"seeds": 0},
        {"seed": -1},
        {"overrides": {"run.duration": None}},
        {"overrides": {"no.such.key": 1}},
        {"variant": "missing"},
    ],
    ids=str,
)
def test_bad_input_is_refused(scenario: Path, choices: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        stormlab.run(scenario, **choices)  # type: ignore[arg-type]


def test_a_loaded_scenario_takes_no_variant(scenario: Path) -> None:
    with pytest.raises(BadInput, match="load"):
        stormlab.run(stormlab.load(scenario), variant="calm")
