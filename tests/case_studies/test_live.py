"""Outages on real processes, in compressed time: what the record says holds there too, with the same verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormlab import live, sim
from stormlab.scenario import loader
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

FOLDER = Path(__file__).parents[2] / "case_studies"
#: A run whose load was late because the machine had something else to do says nothing; it is played again.
TRIES = 3


def played(scenario: Scenario, folder: Path) -> Result:
    for attempt in range(TRIES):
        result = live.run(scenario, seed=1, proxy="embedded", logs=folder / str(attempt))
        if result.valid:
            break
    return result


@pytest.mark.parametrize("case", ["dynamodb-2015", "slack-2022", "square-2017"])
def test_the_outage_has_the_same_verdict_live(case: str, tmp_path: Path) -> None:
    scenario = loader.load(FOLDER / case, variant="live")
    real, simulated = played(scenario, tmp_path), sim.run(scenario, seed=1)
    assert real.void == []
    assert real.verdict.word is simulated.verdict.word
    assert [(check.name, check.value) for check in (*real.checks, *simulated.checks) if not check.ok] == []
