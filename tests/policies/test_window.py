"""Sums over a sliding window: what they count, forget and take back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormlab.policies.window import SlidingSums


def test_the_window_forgets() -> None:
    sums = SlidingSums(10.0, columns=2)
    sums.add(0.5, 0)
    sums.add(5.5, 1, 3)
    assert list(sums.totals(9.9)) == [1, 3]
    assert list(sums.totals(10.5)) == [0, 3]
    assert list(sums.totals(16.0)) == [0, 0]


def test_what_was_added_can_be_taken_back_while_it_counts() -> None:
    sums = SlidingSums(10.0, columns=1)
    sums.add(1.2, 0)
    sums.add(6.0, 0)
    sums.add(1.2, 0, -1)
    assert list(sums.totals(6.0)) == [1]
    sums.add(30.0, 0)
    sums.add(6.0, 0, -1)
    assert list(sums.totals(30.0)) == [1]


@given(times=st.lists(st.floats(0, 100), max_size=100).map(sorted), window=st.floats(0.5, 20))
def test_the_window_counts_nine_tenths_and_nothing_older_than_the_whole(times: list[float], window: float) -> None:
    sums = SlidingSums(window, columns=1)
    for now in times:
        sums.add(now, 0)
    if times:
        now, slack = times[-1], 1e-6
        (counted,) = sums.totals(now)
        assert sum(now - t < 0.9 * window - slack for t in times) <= counted
        assert counted <= sum(now - t <= window + slack for t in times)
