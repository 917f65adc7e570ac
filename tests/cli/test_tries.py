"""A live run that is void is played again, as often as it was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import stormlab
from stormlab import live, sim
from stormlab.api.execution import Job, execute
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result


@pytest.mark.parametrize(("void", "tries", "played"), [(0, 3, 1), (1, 3, 2), (5, 3, 3), (5, 1, 1)])
def test_while_it_is_void(scenario: Path, monkeypatch: pytest.MonkeyPatch, void: int, tries: int, played: int) -> None:
    runs: list[Result] = []
    small = stormlab.load(scenario, overrides={"run.duration": 15})
    simulated = sim.run(small, seed=1)

    def lively(scenario: Scenario, **_: object) -> Result:
        busy = ["the machine is too busy"] if len(runs) < void else []
        runs.append(replace(simulated, world="live", void=busy))
        return runs[-1]

    monkeypatch.setattr(live, "run", lively)
    (result,) = execute([Job(scenario=small, world="live", seed=1, tries=tries)])
    assert len(runs) == played
    assert result.valid is (void < tries)
    assert result.facts.get("tries") == (played if tries > 1 else None)
