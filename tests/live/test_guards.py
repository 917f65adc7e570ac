"""The guards and the queue of a scenario protect a live service as they protect the simulated one."""

from __future__ import annotations

from pathlib import Path

import pytest

import stormlab
from stormlab import sim
from tests.live.programs import played

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


def test_a_throttle_per_caller_gives_the_same_shares_live(tmp_path: Path) -> None:
    overrides = {"run.duration": 40, "run.live_speed": 1.5}
    scenario = stormlab.load("noisy-neighbour", variant="throttled", overrides=overrides)
    real = played(scenario, tmp_path)
    simulated = sim.run(scenario, seed=1)
    assert real.void == []
    assert [check.name for check in (*real.checks, *simulated.checks) if not check.ok] == []
    assert real.verdict.word is simulated.verdict.word


def test_codel_restores_goodput_at_once_live(tmp_path: Path) -> None:
    overrides = {"run.duration": 30, "run.live_speed": 1.5, "expect": []}
    scenario = stormlab.load("goodput-collapse", variant="codel", overrides=overrides)
    real = played(scenario, tmp_path)
    assert real.void == []
    assert real.series["goodput"][18:28].mean() > 0.85 * real.series["goodput"][2:8].mean()
