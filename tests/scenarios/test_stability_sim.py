"""The eight scenarios of github.com/marcbrooker/stability-sim, each variant held against what its file expects."""

from __future__ import annotations

import pytest

from stormlab import sim
from stormlab.scenario import loader
from stormlab.scenario.result import Result
from stormlab.scenario.vocabulary import Word

#: Seeds per variant: as many as a few seconds allow.
PACK = {
    "metastable-retry": 3,
    "gc-death-spiral": 3,
    "pool-exhaustion": 2,
    "cache-stampede": 2,
    "cache-flush": 1,
    "timeout-cascade": 4,
    "lb-sinkhole": 3,
    "goodput-collapse": 4,
}
VARIANTS = [(name, variant) for name in PACK for variant in ("", *loader.read(name).variants)]


def runs(name: str, seeds: int, variant: str = "", *overrides: str) -> list[Result]:
    scenario = loader.load(name, variant=variant, overrides=overrides)
    return [sim.run(scenario, seed=seed) for seed in range(1, seeds + 1)]


@pytest.mark.parametrize(
    ("name", "variant"), VARIANTS, ids=[f"{name}-{variant or 'base'}" for name, variant in VARIANTS]
)
def test_what_the_file_expects_holds(name: str, variant: str) -> None:
    results = runs(name, PACK[name], variant)
    assert results[0].checks
    for checks in zip(*(result.checks for result in results), strict=True):
        held = sum(check.ok for check in checks) / len(checks)
        assert held >= checks[0].share, [(check.name, check.value) for check in checks]


def test_metastable_retry_is_stuck_for_twenty_of_twenty_seeds() -> None:
    """Reference: 20/20, offered 278/s, goodput 0."""
    results = runs("metastable-retry", 20)
    assert [result.verdict.word for result in results] == [Word.METASTABLE] * 20
    attempts = [result.series["attempts"][40:60].mean() for result in results]
    assert sum(attempts) / 20 == pytest.approx(278, rel=0.02)
    assert max(result.series["goodput"][40:60].mean() for result in results) < 1


@pytest.mark.parametrize(
    "overrides",
    [("clients.web.arrivals.rate=40",), ("clients.web.policies.retry.max_retries=0",)],
    ids=["40/s", "no retries"],
)
def test_metastable_retry_is_stuck_for_none_of_twenty(overrides: tuple[str, ...]) -> None:
    """Reference: 0/20 at 40/s and below, and without retries at any rate up to 70/s."""
    results = runs("metastable-retry", 20, "", "expect=[]", "run.duration=40", *overrides)
    assert {result.verdict.word for result in results} <= {Word.UNAFFECTED, Word.RECOVERED}


def test_goodput_collapse_outlives_its_trigger_by_the_time_the_queue_needs() -> None:
    """Of 8·(90 - 33.3) = 453 requests, 100 - 90 = 10 leave per second: 45 s, give or take the noise of the queue."""
    seconds = [result.verdict.time_to_recover for result in runs("goodput-collapse", 10)]
    known = [second for second in seconds if second is not None]
    assert len(known) >= 9
    assert sum(known) / len(known) == pytest.approx(45, abs=15)


def test_the_sinkhole_gives_the_broken_server_most_of_the_traffic() -> None:
    (result,) = runs("lb-sinkhole", 1)
    served = result.series["service.server.completions"][9:17].sum()
    offered = result.series["offered"][9:17].sum()
    assert served / offered < 0.4
