"""The two cache experiments against the published statement and the reference values of an independent port."""

from __future__ import annotations

import pytest

from simulations import cache_loss as study


def test_the_cache_multiplies_what_the_database_carries_by_ten() -> None:
    """Bronson et al.: 300 queries/s carry 3,000 with a hit ratio of 90 %; here a tenth of both."""
    assert (study.RANGE.low, study.RANGE.high) == pytest.approx((30, 300))


@pytest.mark.parametrize(
    ("limit", "just_after", "at_the_end"), [(5, 0.46, 0.78), (10, 0.35, 0.82), (20, 0.58, 0.84), (100, 0.65, 0.87)]
)
def test_the_cold_cache_fills_as_in_the_reference(limit: int, just_after: float, at_the_end: float) -> None:
    """The reference is a single run, whose first seconds depend on when the most popular keys come back."""
    hits = study.cold_cache(limit, seed=1)
    assert hits[:4].mean() == pytest.approx(0.86, abs=0.03)
    assert hits[4:7].min() - 0.1 < just_after < hits[4:7].max() + 0.1
    assert hits[-5:].mean() == pytest.approx(at_the_end, abs=0.04)
