"""The scenario the project opens with, live: the same verdicts as simulated, and the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

import stormlab
from stormlab import sim
from stormlab.report.divergence import DECISIVE, divergences
from stormlab.scenario.vocabulary import Word
from tests.live.programs import played

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

#: Scenario seconds per second: as fast as two cores can play the storm without being late.
SPEED = {"run.live_speed": 1.5}


@pytest.mark.parametrize(
    ("variant", "word"),
    [("naive", Word.METASTABLE), ("budget", Word.RECOVERED), ("no-retries", Word.RECOVERED)],
)
def test_live_and_simulated_agree(variant: str, word: Word, tmp_path: Path) -> None:
    scenario = stormlab.load("retry-storm", variant=variant, overrides=SPEED)
    real = played(scenario, tmp_path)
    simulated = sim.run(scenario, seed=1)
    assert real.void == []
    assert real.verdict.word is simulated.verdict.word is word
    assert all(dose.ok for dose in real.doses)
    decisive = [one for one in divergences([simulated, real]) if one.measure in DECISIVE]
    assert decisive
    assert [(one.measure, one.phase, one.relative) for one in decisive if one.ok is False] == []
