"""Scenarios that show what a pattern prevents and what it does when misused, held against what their files expect."""

from __future__ import annotations

import pytest

from stormlab import sim
from stormlab.scenario import loader

#: Seeds per variant: as many as a few seconds allow.
SEEDS = {
    "partial-failure": 3,
    "deep-health-check": 2,
    "retry-storm": 2,
    "slow-tail": 3,
    "how-long-to-wait": 3,
    "shared-database": 3,
    "stale-answers": 3,
    "retries-in-a-chain": 2,
    "come-back-together": 2,
    "provisioned-rate": 1,
    "second-best": 2,
    "hanging-replica": 1,
    "ejected-one-by-one": 1,
}
VARIANTS = [(name, variant) for name in SEEDS for variant in ("", *loader.read(name).variants)]


@pytest.mark.parametrize(
    ("name", "variant"), VARIANTS, ids=[f"{name}-{variant or 'base'}" for name, variant in VARIANTS]
)
def test_what_the_file_expects_holds(name: str, variant: str) -> None:
    scenario = loader.load(name, variant=variant)
    results = [sim.run(scenario, seed=seed) for seed in range(1, SEEDS[name] + 1)]
    assert results[0].checks
    for checks in zip(*(result.checks for result in results), strict=True):
        held = sum(check.ok for check in checks) / len(checks)
        assert held >= checks[0].share, [(check.name, check.value) for check in checks]
