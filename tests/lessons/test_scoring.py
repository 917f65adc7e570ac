"""Scores of predictions, in numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.lessons.scoring import score


@pytest.mark.parametrize(
    ("guess", "actual", "expected"),
    [
        ("stays down", "stays down", 1),
        ("recovers", "stays down", 0),
        (None, 4, 0),
        (4.0, 4, 1),
        (4.4, 4, 1),
        (3.7, 4, 1),
        (8, 4, 0),
        (2, 4, 0),
        (0, 0, 1),
        (0, 1, 0),
        (1, 0, 0),
        (-3, 3, 0),
    ],
)
def test_what_a_prediction_is_worth(guess: float | str | None, actual: float | str, expected: float) -> None:
    assert score(guess, actual) == pytest.approx(expected)


@given(st.floats(0.01, 1e6), st.floats(1.0, 10.0), st.floats(1.0, 10.0))
def test_nearer_is_never_worth_less_and_above_is_worth_what_below_is(actual: float, near: float, more: float) -> None:
    far = near * more
    assert score(actual * near, actual) >= score(actual * far, actual)
    assert score(actual * near, actual) == pytest.approx(score(actual / near, actual), abs=1e-9)
