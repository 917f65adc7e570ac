"""The example of the guide is a scenario, its variants too, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.sim.world import run
from tests.scenario.building import source

GUIDE = (Path(__file__).parents[2] / "docs" / "scenario-guide.md").read_text(encoding="utf-8")
EXAMPLE, CHANGE = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("variant", "word"), [("", "metastable"), ("budget", "recovered"), ("patient", "recovered")])
def test_the_example_does_what_the_guide_says(variant: str, word: str) -> None:
    described = loader.resolve(source(EXAMPLE), variant=variant)
    assert described.services["store"].capacity == 160
    result = run(described)
    assert (result.verdict.word, result.ok) == (word, word == "recovered")


def test_the_intervention_fits_the_example() -> None:
    with_change = EXAMPLE.replace("[variants.budget]", f"{CHANGE}\n[variants.budget]")
    assert [one.kind for one in loader.resolve(source(with_change)).interventions] == ["change"]


def test_the_message_is_the_one_that_comes() -> None:
    text = EXAMPLE.replace('"timeout", seconds = 0.5', '"timeout", secnods = 0.5', 1)
    with pytest.raises(BadInput) as caught:
        loader.resolve(source(text, "slow-disk.toml"))
    assert f"\n{caught.value}\n" in GUIDE
