"""The feedback loops of the literature as small scenarios, each variant held against what its file expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormlab import sim
from stormlab.scenario import loader

#: Seeds per variant: as many as a few seconds allow.
SEEDS = {
    "outage-flood": 2,
    "look-aside": 2,
    "capacity-dip": 2,
    "slow-under-load": 3,
    "crash-cascade": 2,
    "wrong-signal": 2,
}
VARIANTS = [(name, variant) for name in SEEDS for variant in ("", *loader.read(name).variants)]
PAGE = Path(__file__).parents[2] / "docs" / "loops.md"


@pytest.mark.parametrize(
    ("name", "variant"), VARIANTS, ids=[f"{name}-{variant or 'base'}" for name, variant in VARIANTS]
)
def test_what_the_file_expects_holds(name: str, variant: str) -> None:
    scenario = loader.load(name, variant=variant)
    results = [sim.run(scenario, seed=seed) for seed in range(1, SEEDS[name] + 1)]
    assert results[0].checks
    for result in results:
        assert all(check.ok for check in result.checks), [(check.name, check.value) for check in result.checks]


def test_the_page_of_loops_names_only_what_there_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {row.split("`")[1] for row in rows}
    assert set(SEEDS) <= named
    assert named <= set(loader.catalogue())
