"""``stormlab run`` and ``compare``: exit statuses, what is printed, what is written, and that it repeats."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import stormlab
from stormlab import sim
from stormlab.api import Runs, Status
from stormlab.errors import BadInput
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from tests.cli.conftest import Call, objects

KEYS = {
    "scenario",
    "variant",
    "world",
    "seed",
    "verdict",
    "time_to_recover",
    "loop",
    "valid",
    "measures",
    "expectations",
    "out",
}
pytestmark = pytest.mark.usefixtures("no_drawing")

WRITTEN = {"scenario.toml", "manifest.json", "series.csv", "calls.csv", "verdict.json"}


def test_expectations_that_hold_exit_with_0_and_name_verdict_and_report(call: Call, scenario: Path) -> None:
    done = call("run", scenario, "--out", "results")
    assert done.exit_code == 0, done.stderr
    assert "unaffected" in done.stdout.lower() or "recovered" in done.stdout.lower()
    assert str(Path("results") / "report.html") in done.stdout


def test_expectations_that_do_not_hold_exit_with_1(call: Call, scenario: Path) -> None:
    done = call("run", scenario, "--variant", "hopeless", "--out", "results")
    assert done.exit_code == 1
    assert "is down" in done.stdout


def test_results_go_below_runs_unless_told_otherwise(call: Call, scenario: Path) -> None:
    assert call("run", scenario, "--variant", "calm").exit_code == 0
    assert call("run", scenario, "--variant", "calm").exit_code == 0
    folders = sorted(Path("runs").iterdir())
    assert len(folders) == 2
    assert all(folder.name.startswith("small-calm-") for folder in folders)


def test_every_run_has_a_folder_and_the_summary_says_that_all_are_there(call: Call, scenario: Path) -> None:
    call("run", scenario, "--seeds", 2, "--jobs", 1, "--out", "results")
    out = Path("results")
    for seed in (7, 8):
        assert {path.name for path in (out / f"sim-seed-{seed}").iterdir()} == WRITTEN
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [(run["world"], run["seed"]) for run in summary["runs"]] == [("sim", 7), ("sim", 8)]
    assert summary["status"] == 0
    assert (out / "report.html").is_file()
    assert not list(out.glob(".*"))


def test_json_prints_one_object_per_run_and_nothing_else(call: Call, scenario: Path) -> None:
    done = call("run", scenario, "--seed", 3, "--seeds", 2, "--jobs", 1, "--out", "results", "--json")
    runs = objects(done.stdout)
    assert [run["seed"] for run in runs] == [3, 4]
    for run in runs:
        assert run.keys() >= KEYS
        assert run["scenario"] == "small" and run["world"] == "sim" and run["valid"] is True
        assert run["expectations"][0].keys() >= {"name", "value", "bounds", "ok"}
        assert json.loads((Path(run["out"]) / "verdict.json").read_text(encoding="utf-8")) == run


def test_the_same_seed_writes_the_same_series_whatever_the_number_of_processes(call: Call, scenario: Path) -> None:
    for name, jobs in (("once", 1), ("again", 1), ("parallel", 2)):
        assert call("run", scenario, "--seeds", 2, "--jobs", jobs, "--out", name).exit_code == 0
    for seed in (7, 8):
        first, *others = [
            (Path(name) / f"sim-seed-{seed}" / "series.csv").read_bytes() for name in ("once", "again", "parallel")
        ]
        assert all(other == first for other in others)
    assert Path("once/sim-seed-7/series.csv").read_bytes() != Path("once/sim-seed-8/series.csv").read_bytes()


def test_the_command_in_the_manifest_plays_the_same_again(call: Call, scenario: Path) -> None:
    call("run", scenario, "--set", "clients.web.arrivals.rate=30", "--seed", 4, "--out", "first")
    command = json.loads(Path("first/sim-seed-4/manifest.json").read_text(encoding="utf-8"))["command"]
    assert call(*command.split()[1:], "--out", "second").exit_code == 0
    assert Path("first/sim-seed-4/series.csv").read_bytes() == Path("second/sim-seed-4/series.csv").read_bytes()


def test_force_replaces_earlier_runs_and_leaves_everything_else(call: Call, scenario: Path) -> None:
    call("run", scenario, "--seed", 1, "--out", "results")
    assert call("run", scenario, "--seed", 2, "--out", "results").exit_code == 2
    assert call("run", scenario, "--seed", 2, "--out", "results", "--force").exit_code == 0
    assert [path.name for path in Path("results").glob("sim-*")] == ["sim-seed-2"]
    Path("results/notes.txt").write_text("mine", encoding="utf-8")
    refused = call("run", scenario, "--out", "results", "--force")
    assert refused.exit_code == 2 and "not empty" in refused.stderr
    assert Path("results/notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_that_cannot_start_leaves_no_empty_folder(
    call: Call, scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_choices: object) -> Result:
        raise BadInput("nothing to run on; get something")

    monkeypatch.setattr(sim, "run", refuse)
    for command in ("run", "compare"):
        assert call(command, scenario, "--jobs", 1, "--out", "results").exit_code == 2
        assert not Path("results").exists()


def test_more_live_seeds_than_seeds_are_refused(call: Call, scenario: Path) -> None:
    done = call("run", scenario, "--both", "--seeds", 2, "--live-seeds", 3)
    assert done.exit_code == 2
    assert "live seeds must be from 1 to the number of seeds (2), not 3" in done.output


def test_compare_plays_each_variant_with_the_same_seeds(call: Call, scenario: Path) -> None:
    done = call("compare", scenario, "--variants", "calm,hopeless", "--seeds", 2, "--jobs", 1, "--out", "c", "--json")
    assert done.exit_code == 1
    assert [(run["variant"], run["seed"]) for run in objects(done.stdout)] == [
        ("calm", 7), ("calm", 8), ("hopeless", 7), ("hopeless", 8)
    ]  # fmt: skip
    assert {path.name for path in Path("c").iterdir() if path.is_dir()} >= {"calm", "hopeless"}


def test_a_void_run_counts_more_than_a_missed_expectation(
    call: Call, scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = sim.run

    def void(scenario: Scenario, *, seed: int, progress: Callable[[float], None]) -> Result:
        return replace(play(scenario, seed=seed, progress=progress), void=("the load generator was late",))

    monkeypatch.setattr(sim, "run", void)
    done = call("run", scenario, "--variant", "hopeless", "--out", "results")
    assert done.exit_code == 3
    assert "the load generator was late" in done.stdout


def test_an_interrupted_run_exits_with_130_and_claims_nothing(tmp_path: Path, scenario: Path) -> None:
    out = tmp_path / "results"
    words = ["run", str(scenario), "--seeds", "500", "--jobs", "2", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "stormlab", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not list(out.glob("sim-seed-*")) and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert stdout == ""
    assert not (out / "summary.json").exists() and not (out / "report.html").exists()
    whole = list(out.glob("sim-seed-*"))
    assert whole and all({path.name for path in folder.iterdir()} == WRITTEN for folder in whole)


def test_an_expectation_needs_to_hold_in_its_share_of_the_seeds_only(scenario: Path) -> None:
    text = scenario.read_text(encoding="utf-8")
    scenario.write_text(text.replace('verdict = ["unaffected", "recovered"]', 'verdict = ["unaffected"]\nshare = 0.5'))
    runs = stormlab.run(scenario, seeds=2)
    one, other = runs
    assert one.checks[0].share == 0.5
    mixed = Runs(results=(_with(one, ok=True), _with(other, ok=False)))
    assert mixed.status is Status.HOLDS
    assert Runs(results=(_with(one, ok=False), _with(other, ok=False))).status is Status.FAILS


def _with(result: Result, *, ok: bool) -> Result:
    return replace(result, checks=[replace(check, ok=ok) for check in result.checks])
