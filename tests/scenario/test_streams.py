"""Random streams depend on the seed and their name, and on nothing else."""

from __future__ import annotations

import numpy as np

from stormlab.scenario.streams import generator, stream


def test_the_same_name_gives_the_same_numbers_today_and_in_years() -> None:
    assert [round(stream(1, "client", "web", "policies").random(), 12) for _ in range(2)] == [0.73427808916] * 2
    assert generator(1, "client", "web", "arrivals").random() == 0.33954325524581463


def test_streams_of_different_names_and_seeds_are_unrelated() -> None:
    draws = [stream(1, "a", "b"), stream(1, "a", "c"), stream(2, "a", "b"), stream(1, "ab"), stream(1, "a")]
    samples = np.array([[draw.random() for _ in range(2000)] for draw in draws])
    correlation = np.corrcoef(samples) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.08
