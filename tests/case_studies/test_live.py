"""Outages on real processes, in compressed time: what the record says holds there too, with the same verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormlab import sim
from stormlab.scenario import loader
from tests.live.programs import played

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

FOLDER = Path(__file__).parents[2] / "case_studies"


@pytest.mark.parametrize("case", ["dynamodb-2015", "slack-2022", "square-2017"])
def test_the_outage_has_the_same_verdict_live(case: str, tmp_path: Path) -> None:
    scenario = loader.load(FOLDER / case, variant="live")
    real, simulated = played(scenario, tmp_path), sim.run(scenario, seed=1)
    assert real.void == []
    assert real.verdict.word is simulated.verdict.word
    assert [(check.name, check.value) for check in (*real.checks, *simulated.checks) if not check.ok] == []
