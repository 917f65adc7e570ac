"""Whether two worlds rank variants alike."""

from __future__ import annotations

import math

import pytest

from stormlab.report.league import Row
from stormlab.report.ranking import order, ranks, reversals
from stormlab.scenario.estimate import Estimate
from stormlab.scenario.vocabulary import Word

NONE = Estimate.of([])


def row(variant: str, world: str, word: Word, *success: float) -> Row:
    return Row(
        variant=variant,
        world=world,
        runs=len(success),
        verdicts={word: len(success)},
        success_fault=NONE,
        success_after=Estimate.of(success),
        goodput_fault=NONE,
        goodput_after=NONE,
        latency_p50_after=NONE,
        latency_p99_after=NONE,
        attempts_per_request_after=NONE,
        rejected_after=NONE,
        time_to_recover=NONE,
    )


GOOD, FAIR, BAD = (Word.RECOVERED, 0.99, 0.98), (Word.RECOVERED, 0.7, 0.69), (Word.METASTABLE, 0.01, 0.0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (GOOD, BAD, -1),
        (BAD, GOOD, 1),
        (GOOD, FAIR, -1),
        (GOOD, (Word.RECOVERED, 0.96, 0.97), 0),
        (GOOD, (Word.RECOVERED, 0.2, 1.0), 0),
        ((Word.UNAFFECTED, 0.9, 0.9), GOOD, 1),
        ((Word.METASTABLE, 0.9, 0.9), (Word.RECOVERED, 0.1, 0.1), 1),
        (GOOD, (Word.RECOVERED, math.nan), 0),
    ],
)
def test_the_order(one: tuple[Word, float], other: tuple[Word, float], expected: int) -> None:
    assert order(row("a", "sim", *one), row("b", "sim", *other)) == expected


def test_a_pair_is_reversed_when_both_worlds_are_sure() -> None:
    sim = [row("a", "sim", *GOOD), row("b", "sim", *FAIR), row("c", "sim", *BAD)]
    alike = [row("a", "live", Word.RECOVERED, 0.9), row("b", "live", Word.RECOVERED, 0.88), row("c", "live", *BAD)]
    opposed = [row("a", "live", Word.RECOVERED, 0.5), row("b", "live", Word.RECOVERED, 0.8), row("c", "live", *BAD)]
    assert reversals([*sim, *alike]) == []
    assert reversals([*sim, *opposed]) == [("a", "b")]
    assert reversals(sim) is None


def test_ranks_count_those_who_are_better() -> None:
    rows = [row("a", "sim", *GOOD), row("b", "sim", *BAD), row("c", "sim", *FAIR), row("d", "sim", *GOOD)]
    assert ranks(rows, "sim") == {"a": 1, "b": 4, "c": 3, "d": 1}
    assert ranks(rows, "live") == {}
