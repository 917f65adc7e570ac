"""The recorded ranking: the page is what the record says, the worlds agree, and fresh seeds rank the same."""

from __future__ import annotations

import json

import pytest

import stormlab
from stormlab import sim
from stormlab.report.league import Row, as_json, compare_table, from_json
from stormlab.report.ranking import ranks, reversals
from tools import generate_ranking

ROWS = generate_ranking.recorded()


def test_the_page_is_that_of_the_record() -> None:
    assert generate_ranking.PAGE.read_text(encoding="utf-8") == generate_ranking.page(ROWS)


def test_at_least_eight_policies_were_simulated_with_twenty_seeds_and_played_live_and_rank_the_same() -> None:
    simulated, live = ranks(ROWS, "sim"), ranks(ROWS, "live")
    assert len(simulated) >= 8
    assert {row.runs for row in ROWS if row.world == "sim"} == {20}
    assert simulated == live
    assert reversals(ROWS) == []


def test_a_seed_that_was_not_recorded_ranks_the_same() -> None:
    """A single run has no interval, so variants that are level may be told apart: none must change places."""
    recorded = [row for row in ROWS if row.world == "sim"]
    fresh = compare_table(
        {row.variant: [sim.run(stormlab.load("retry-storm", variant=row.variant), seed=101)] for row in recorded}
    )
    assert reversals([*recorded, *(_as_live(row) for row in fresh)]) == []
    assert {row.variant: row.word for row in fresh} == {row.variant: row.word for row in recorded}


def _as_live(row: Row) -> Row:
    tree = json.loads(json.dumps(as_json(row)))
    return from_json({**tree, "world": "live"})


@pytest.mark.parametrize("world", ["sim", "live"])
def test_what_is_claimed_of_budgets_is_recorded(world: str) -> None:
    rows = {row.variant: row for row in ROWS if row.world == world}
    assert rows["budget"].success_after.mean == pytest.approx(rows["no-retries"].success_after.mean, abs=0.05)
    assert rows["naive"].attempts_per_request_after.mean == pytest.approx(4.0, abs=0.3)
