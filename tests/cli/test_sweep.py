"""The vulnerability map from the command line, killed half-way and taken up again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from stormlab.cli import cli

GRID = ["--x", "clients.web.arrivals.rate=20:80:3", "--y", "faults.spike.factor=1.5:6:3", "--seeds", "1"]
CHOICE = [*GRID, "--engine", "simpy", "--jobs", "1"]


def test_a_killed_sweep_goes_on_and_gives_the_same_map(scenario: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert CliRunner().invoke(cli, ["sweep", str(scenario), *CHOICE, "--out", str(whole)]).exit_code == 0
    program = [sys.executable, "-m", "stormlab", "sweep", str(scenario), *CHOICE, "--out", str(killed)]
    process = subprocess.Popen(program, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    points = killed / "points.jsonl"
    while process.poll() is None and (not points.exists() or points.read_bytes().count(b"\n") < 3):
        pass
    process.kill()
    process.wait()
    before = points.read_bytes()
    finished = before[: before.rfind(b"\n") + 1]
    assert 3 <= finished.count(b"\n") < 9
    again = CliRunner().invoke(cli, ["sweep", str(scenario), *CHOICE, "--out", str(killed)])
    assert again.exit_code == 0
    assert points.read_bytes().startswith(finished)
    assert points.read_bytes().count(b"\n") == 9
    for name in ("map.csv", "map.png"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_another_sweep_in_the_folder_is_refused(scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sweep.json").write_text(json.dumps({}), encoding="utf-8")
    result = CliRunner().invoke(cli, ["sweep", str(scenario), *CHOICE, "--out", str(tmp_path / "other")])
    assert (result.exit_code, "another sweep" in result.output) == (2, True)


def test_an_axis_that_is_none_is_refused(scenario: Path) -> None:
    result = CliRunner().invoke(cli, ["sweep", str(scenario), "--x", "rate", "--y", "faults.spike.factor=1:2:2"])
    assert (result.exit_code, "key=low:high:points" in result.output) == (2, True)
