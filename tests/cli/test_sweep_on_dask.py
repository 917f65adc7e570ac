"""A sweep on a Dask cluster on loopback gives the very map that this process alone gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from stormlab.api import places
from stormlab.cli import cli

SMALL = ["--x", "clients.web.arrivals.rate=20:80:2", "--y", "faults.spike.factor=1.5:6:2", "--seeds", "1"]
CHOICE = [*SMALL, "--engine", "simpy", "--jobs", "1"]


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a scheduler with a worker."""
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as running:
        yield running.scheduler_address


def test_the_map_is_the_same_bit_for_bit(scenario: Path, tmp_path: Path, cluster: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, more in ((here, []), (there, ["--dask", cluster])):
        result = CliRunner().invoke(cli, ["sweep", str(scenario), *CHOICE, "--out", str(folder), *more])
        assert result.exit_code == 0, result.output
    for name in ("map.csv", "map.png", "sweep.json"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    lines = [sorted((folder / "points.jsonl").read_text(encoding="utf-8").splitlines()) for folder in (here, there)]
    assert lines[0] == lines[1]


def test_a_cluster_that_does_not_answer_is_named(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PATIENCE", 0.2)
    choice = [*CHOICE, "--out", str(tmp_path / "map"), "--dask", "tcp://127.0.0.1:9"]
    result = CliRunner().invoke(cli, ["sweep", str(scenario), *choice])
    assert (result.exit_code, "no scheduler answers there" in result.output) == (2, True)
