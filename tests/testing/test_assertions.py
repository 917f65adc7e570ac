"""A resilience claim in a test suite: it holds, it fails with the verdicts, and it reaches strangers as a fixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stormlab.errors import BadInput
from stormlab.testing import assert_recovers as claim

SHORT = {"run.duration": 38, "faults.spike.at": 8, "faults.spike.for": 5}


def test_a_budget_recovers(assert_recovers: Callable[..., Any]) -> None:
    runs = assert_recovers("retry-storm", variant="budget", overrides=SHORT, within=25)
    assert len(runs) == 3
    assert all((run.verdict.time_to_recover or 0) <= 25 for run in runs)


def test_a_storm_fails_with_the_verdict_of_every_seed() -> None:
    with pytest.raises(AssertionError) as failure:
        claim("retry-storm", variant="naive", overrides=SHORT, seeds=2)
    first, *others = str(failure.value).splitlines()
    assert first == "retry-storm (naive) does not recover within 45 s with 2 of 2 seeds"
    assert [line.split(":")[0].strip() for line in others] == ["seed 1", "seed 2"]
    assert all("Metastable" in line and "retries" in line for line in others)


def test_recovering_too_late_is_not_recovering() -> None:
    with pytest.raises(AssertionError, match="within 1 s"):
        claim("retry-storm", variant="budget", overrides=SHORT, within=1)


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"within": 0.0}])
def test_impossible_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        claim("retry-storm", variant="budget", **wrong)


def test_a_variant_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="there is no variant 'budgte'"):
        claim("retry-storm", variant="budgte")
