"""The vulnerability map from the command line, killed half-way and taken up again."""

from __future__ import annotations

import json
import signal
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


def test_another_sweep_is_replaced_only_when_forced(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    axes = ["--x", "clients.web.arrivals.rate=20:80:2", "--y", "faults.spike.factor=1.5:6:2"]
    choice = [*axes, "--engine", "simpy", "--jobs", "1", "--out", str(out)]

    def swept(*more: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["sweep", str(scenario), *choice, *more])
        return result.exit_code, result.output

    assert swept("--seeds", "1")[0] == 0
    code, said = swept("--seeds", "2")
    assert (code, "--force" in said) == (2, True)
    (out / "mine.txt").touch()
    code, said = swept("--seeds", "2", "--force")
    assert (code, "'mine.txt'" in said, (out / "map.csv").exists()) == (2, True, True)
    (out / "mine.txt").unlink()
    assert swept("--seeds", "2", "--force")[0] == 0
    assert json.loads((out / "sweep.json").read_text(encoding="utf-8"))["seeds"] == 2


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    program = [sys.executable, "-m", "stormlab", "sweep", str(scenario), *GRID, "--engine", "simpy", "--jobs", "2"]
    process = subprocess.Popen([*program, "--out", str(out)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    points = out / "points.jsonl"
    while process.poll() is None and (not points.exists() or b"\n" not in points.read_bytes()):
        pass
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()  # returns when every worker has closed its end of the pipe
    assert process.returncode == 130
    assert "goes on where it was" in said
    assert "Traceback" not in said
    assert 1 <= points.read_bytes().count(b"\n") < 9
