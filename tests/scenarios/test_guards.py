"""What guards and queue disciplines prevent, and the harm of misuse: each variant holds what its file expects."""

from __future__ import annotations

import pytest

from stormlab import sim
from stormlab.scenario import loader

PACK = (
    "noisy-neighbour",
    "priority-rush",
    "cheaper-answers",
    "lost-answers",
    "last-come-first-served",
    "goodput-collapse",
)
SEEDS = 2
VARIANTS = [(name, variant) for name in PACK for variant in ("", *loader.read(name).variants)]


@pytest.mark.parametrize(
    ("name", "variant"), VARIANTS, ids=[f"{name}-{variant or 'base'}" for name, variant in VARIANTS]
)
def test_what_the_file_expects_holds(name: str, variant: str) -> None:
    scenario = loader.load(name, variant=variant)
    checks = [check for seed in range(1, SEEDS + 1) for check in sim.run(scenario, seed=seed).checks]
    assert checks
    assert [(check.name, check.value) for check in checks if not check.ok] == []


@pytest.mark.parametrize("discipline", ["lifo", "adaptive-lifo", "codel", "codel-lifo"])
def test_goodput_is_back_within_two_seconds_of_the_end_of_the_trigger(discipline: str) -> None:
    """Scenario 8 of github.com/marcbrooker/stability-sim, slow from 8 to 16 s; first come, first served gives 0."""
    overrides = [f'services.server.queue.discipline="{discipline}"', "expect=[]", "run.duration=30"]
    scenario = loader.load("goodput-collapse", overrides=overrides)
    for seed in range(1, 6):
        goodput = sim.run(scenario, seed=seed).series["goodput"]
        assert goodput[18:28].mean() > 0.9 * goodput[2:8].mean(), seed
        assert goodput[17] > 55, seed
