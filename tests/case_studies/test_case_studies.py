"""Every case study: what each of its variants expects holds over several seeds, and its page belongs to it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import stormlab
from stormlab.scenario import loader

FOLDER = Path(__file__).parents[2] / "case_studies"
#: `make cases` asks for ten; the suite takes one, to stay fast: there are ten cases with eight variants each.
SEEDS = int(os.environ.get("CASE_SEEDS", "1"))
#: A case is simulated within so many s of one processor, with one seed.
LONGEST = 30.0
CASES = sorted(path.parent.name for path in FOLDER.glob("*/scenario.toml"))
VARIANTS = [(case, variant) for case in CASES for variant in ("", *loader.read(FOLDER / case).variants)]


@pytest.mark.parametrize(("case", "variant"), VARIANTS, ids=[f"{case}-{name or 'base'}" for case, name in VARIANTS])
def test_what_the_record_says_holds(case: str, variant: str) -> None:
    began = time.process_time()
    runs = stormlab.run(FOLDER / case, variant=variant, seed=1, seeds=SEEDS, jobs=1)
    spent = time.process_time() - began
    assert runs.standings
    assert runs.ok, [(one.name, one.value, one.bounds) for one in runs.standings if not one.ok]
    assert spent < LONGEST * SEEDS


@pytest.mark.parametrize("case", CASES)
def test_the_page_tells_what_it_has_to(case: str) -> None:
    page = (FOLDER / case / "README.md").read_text(encoding="utf-8")
    for heading in ("What happened", "The loop", "The model", "Parameters", "Results", "prevented"):
        assert heading in page
    assert "](incident.png)" in page, "show the picture of the incident; `make cases-figures` draws it"
    assert (FOLDER / case / "incident.png").exists()
    assert loader.load(FOLDER / case).timeline, "what is on record, when?"
    for variant in loader.read(FOLDER / case).variants:
        assert f"`{variant}`" in page
