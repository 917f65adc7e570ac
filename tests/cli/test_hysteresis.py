"""The hysteresis loop of the retry storm: two branches between the thresholds, one where nobody retries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stormlab import api
from stormlab.api import hysteresis
from stormlab.errors import BadInput
from tests.cli.conftest import Call

STAIRS = hysteresis.Staircase(low=0.25, high=2.0, n=8, hold=60.0)


def test_the_retry_storm_has_two_branches_between_its_thresholds() -> None:
    """60/s is the stated load: four times that is more than the capacity of 100/s, and 15/s is not."""
    levels = hysteresis.play(api.load("retry-storm", variant="naive"), STAIRS, seeds=[1], engine="fast")
    between = [level for level in levels if 100 / 4 * 1.1 < level.load < 100 * 0.9]
    assert len(between) >= 4
    assert min(level.up for level in between) > 0.95
    assert max(level.down for level in between) < 0.05
    assert levels[0].down > 0.95, "far below the closed form it heals"
    broken, healed = hysteresis.breaks(levels), hysteresis.heals(levels)
    assert broken is not None
    assert healed is not None
    assert healed < 100 / 4 < 90 < broken < 125
    assert hysteresis.finding(levels).endswith("between them its past decides")


def test_without_retries_the_way_down_is_the_way_up() -> None:
    levels = hysteresis.play(api.load("retry-storm", variant="no-retries"), STAIRS, seeds=[1], engine="fast")
    assert max(abs(level.up - level.down) for level in levels if level.load < 80) < 0.05


def test_the_command_says_the_finding_and_draws_the_loop(call: Call, scenario: Path) -> None:
    words = ["hysteresis", scenario, "--load", "0.5:2:3", "--hold", "4", "--seeds", "1", "--out", "loop"]
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output.splitlines()[-1])
    assert found["finding"] == f"No load up to {found['levels'][-1]['load']:.3g}/s breaks it"
    assert Path("loop/hysteresis.png").stat().st_size > 10_000
    assert len(Path("loop/hysteresis.csv").read_text(encoding="utf-8").splitlines()) == 4
    assert call(*words).exit_code == 2
    assert call(*words, "--force").exit_code == 0


@pytest.mark.parametrize("text", ["2:1:5", "0:1:5", "1:2:2", "1:2", "a:b:c"])
def test_levels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--load"):
        hysteresis.Staircase.parse(text, hold=10)


def _levels(*shares: tuple[float, float]) -> list[hysteresis.Level]:
    return [hysteresis.Level(factor=n, load=10.0 * n, up=up, down=down) for n, (up, down) in enumerate(shares, start=1)]


@pytest.mark.parametrize(
    ("shares", "finding"),
    [
        ([(1, 1), (1, 1)], "No load up to 20/s breaks it"),
        ([(1, 1), (1, 0), (0, 0)], "It breaks at 30/s and heals only at 10/s: between them its past decides"),
        ([(1, 1), (1, 1), (0, 0)], "It breaks at 30/s and heals at 20/s: its past does not matter"),
        ([(1, 0), (1, 0), (0, 0)], "It breaks at 30/s and does not heal even at 10/s"),
    ],
)
def test_the_finding(shares: list[tuple[float, float]], finding: str) -> None:
    assert hysteresis.finding(_levels(*shares)) == finding
