"""Calls between services live: a retry storm in the middle of a chain, and its cure, with the simulated verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

import stormlab
from stormlab import live, sim
from stormlab.scenario.vocabulary import Word

pytestmark = pytest.mark.live


@pytest.mark.parametrize(("variant", "word"), [("", Word.METASTABLE), ("budget", Word.RECOVERED)])
def test_a_storm_in_the_middle_of_a_chain_ends_live_as_it_does_simulated(
    variant: str, word: Word, tmp_path: Path
) -> None:
    scenario = stormlab.load("retries-in-a-chain", variant=variant)
    real = live.run(scenario, seed=1, proxy="embedded", logs=tmp_path / "logs")
    simulated = sim.run(scenario, seed=1)
    assert real.void == []
    assert real.verdict.word is simulated.verdict.word is word
    assert [check.name for check in (*real.checks, *simulated.checks) if not check.ok] == []
    edge, last = real.facts["edges"]["shop→stock"], real.facts["edges"]["stock→records"]
    assert edge["requests"] <= real.series["offered"].sum()
    assert (edge["attempts"] > 2 * edge["requests"]) == (word is Word.METASTABLE)
    assert last["attempts"] <= edge["attempts"]
