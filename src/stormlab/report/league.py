"""The league table: one row per variant and world, every number with its confidence interval over the seeds.

Intervals are those of Student's t over the seeds, mean ± t(0.975, n - 1) · s / √n: seeds are independent runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stormlab.report.findings import WORLDS, mark, number, spoken, worlds
from stormlab.scenario.estimate import Estimate
from stormlab.scenario.result import Result
from stormlab.scenario.vocabulary import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant in one world. ``time_to_recover`` (s) is over the runs that did recover."""

    variant: str
    world: str
    runs: int
    verdicts: Mapping[Word, int]
    success_fault: Estimate
    success_after: Estimate
    goodput_fault: Estimate
    goodput_after: Estimate
    latency_p50_after: Estimate
    latency_p99_after: Estimate
    attempts_per_request_after: Estimate
    rejected_after: Estimate
    time_to_recover: Estimate

    @property
    def word(self) -> Word:
        """The most frequent verdict."""
        return max(self.verdicts, key=lambda word: self.verdicts[word])


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table; ``text`` gives the cell of a row."""

    label: str
    unit: str
    text: Callable[[Row], str]


def spread(estimate: Estimate) -> str:
    """The mean ± half the width of its interval."""
    half = estimate.half_width
    return number(estimate.mean) + (f" ± {number(half, digits=2)}" if half > 0 else "")


def _verdicts(row: Row) -> str:
    return ", ".join(f"{mark(word)} {spoken(word)} {count} of {row.runs}" for word, count in row.verdicts.items())


COLUMNS = (
    Column(label="verdict", unit="", text=_verdicts),
    Column(label="time to recover", unit="(s)", text=lambda row: spread(row.time_to_recover)),
    Column(label="success, fault", unit="", text=lambda row: spread(row.success_fault)),
    Column(label="success, after", unit="", text=lambda row: spread(row.success_after)),
    Column(label="goodput, fault", unit="(/s)", text=lambda row: spread(row.goodput_fault)),
    Column(label="goodput, after", unit="(/s)", text=lambda row: spread(row.goodput_after)),
    Column(label="p50, after", unit="(s)", text=lambda row: spread(row.latency_p50_after)),
    Column(label="p99, after", unit="(s)", text=lambda row: spread(row.latency_p99_after)),
    Column(label="attempts per request, after", unit="", text=lambda row: spread(row.attempts_per_request_after)),
    Column(label="good requests rejected, after", unit="", text=lambda row: spread(row.rejected_after)),
)


def compare_table(runs: Mapping[str, Sequence[Result]]) -> list[Row]:
    """One row per variant and world, in the order given; ``runs`` holds one run or more per variant."""
    return [
        _row(variant, world, members) for variant, results in runs.items() for world, members in worlds(results).items()
    ]


def comparison_headline(rows: Sequence[Row]) -> str:
    """Which variants end how, the best first."""
    ends: dict[Word, list[str]] = {word: [] for word in Word}
    for row in rows:
        several = len({one.word for one in rows if one.variant == row.variant}) > 1
        name = f"{row.variant} ({WORLDS[row.world]})" if several else row.variant
        ends[row.word] += [name] if name not in ends[row.word] else []
    return ". ".join(f"{spoken(word).capitalize()}: {_list(names)}" for word, names in ends.items() if names)


def as_json(row: Row) -> dict[str, Any]:
    """One row as JSON: what is not known is null."""
    tree = asdict(row)
    for key, value in tree.items():
        if isinstance(value, dict) and "mean" in value:
            tree[key] = {name: one if math.isfinite(one) else None for name, one in value.items()}
    return tree


def from_json(tree: Mapping[str, Any]) -> Row:
    """The row that :func:`as_json` wrote."""
    row: dict[str, Any] = {
        key: _estimate(one) if isinstance(one, dict) and "mean" in one else one for key, one in tree.items()
    }
    row["verdicts"] = {Word(word): count for word, count in tree["verdicts"].items()}
    return Row(**row)


def _estimate(tree: Mapping[str, Any]) -> Estimate:
    known: dict[str, Any] = {name: math.nan if one is None else one for name, one in tree.items()}
    return Estimate(**known)


def _row(variant: str, world: str, members: Sequence[Result]) -> Row:
    def over(name: str, window: str) -> Estimate:
        return Estimate.of(one.measures[window][name] for one in members)

    return Row(
        variant=variant,
        world=world,
        runs=len(members),
        verdicts=dict(Counter(one.verdict.word for one in members).most_common()),
        success_fault=over("success_ratio", "fault"),
        success_after=over("success_ratio", "after"),
        goodput_fault=over("goodput", "fault"),
        goodput_after=over("goodput", "after"),
        latency_p50_after=over("latency_p50", "after"),
        latency_p99_after=over("latency_p99", "after"),
        attempts_per_request_after=over("attempts_per_request", "after"),
        rejected_after=over("rejected_ratio", "after"),
        time_to_recover=Estimate.of(one.verdict.time_to_recover for one in members),
    )


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
