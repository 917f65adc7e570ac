"""Variants of one scenario next to each other: one table with confidence intervals, one figure, one page.

Intervals are those of Student's t over the seeds, mean ± t(0.975, n - 1) · s / √n: seeds are independent runs.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from stormlab.report import strokes, style
from stormlab.report.findings import WORLDS, findings, mark, number, spoken, worlds
from stormlab.report.template import render
from stormlab.scenario.result import Result
from stormlab.scenario.vocabulary import Word

#: t(0.975, n) for n = 1 … 10 degrees of freedom; beyond, an expansion in 1/n is exact to four digits.
_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
_Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over ``n`` runs with its 95 % confidence interval ``low`` … ``high``; NaN where it is not defined."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Estimate:
        """The estimate from the values that are known."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known:
            return cls(mean=math.nan, low=math.nan, high=math.nan, n=0)
        mean, n = statistics.fmean(known), len(known)
        half = _t(n - 1) * statistics.stdev(known) / math.sqrt(n) if n > 1 else math.nan
        return cls(mean=mean, low=mean - half, high=mean + half, n=n)

    def __str__(self) -> str:
        half = (self.high - self.low) / 2
        return number(self.mean) + (f" ± {number(half, digits=2)}" if half > 0 else "")


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


def _verdicts(row: Row) -> str:
    return ", ".join(f"{mark(word)} {spoken(word)} {count} of {row.runs}" for word, count in row.verdicts.items())


COLUMNS = (
    Column(label="verdict", unit="", text=_verdicts),
    Column(label="time to recover", unit="(s)", text=lambda row: str(row.time_to_recover)),
    Column(label="success, fault", unit="", text=lambda row: str(row.success_fault)),
    Column(label="success, after", unit="", text=lambda row: str(row.success_after)),
    Column(label="goodput, fault", unit="(/s)", text=lambda row: str(row.goodput_fault)),
    Column(label="goodput, after", unit="(/s)", text=lambda row: str(row.goodput_after)),
    Column(label="p50, after", unit="(s)", text=lambda row: str(row.latency_p50_after)),
    Column(label="p99, after", unit="(s)", text=lambda row: str(row.latency_p99_after)),
    Column(label="attempts per request, after", unit="", text=lambda row: str(row.attempts_per_request_after)),
    Column(label="good requests rejected, after", unit="", text=lambda row: str(row.rejected_after)),
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


@style.in_house
def comparison_figure(runs: Mapping[str, Sequence[Result]]) -> Figure:
    """Goodput over time under offered load, one panel per variant on common axes."""
    columns = 2 if len(runs) > 1 else 1
    rows = math.ceil(len(runs) / columns)
    figure = style.canvas(
        comparison_headline(compare_table(runs)), rows=rows, columns=columns, height=1.1 + 2.1 * rows, roomy=True
    )
    for index, (axes, (variant, results)) in enumerate(zip(figure.axes, runs.items(), strict=False)):
        verdicts = " · ".join(_panel_verdict(results))
        axes.set_title(f"{variant or 'as it stands'}: {verdicts}", color=style.INK, fontweight="bold", fontsize=10)
        for role in (style.GOODPUT, style.OFFERED):
            strokes.draw(axes, results, role)
        lanes = style.shade(axes, results[0].scenario)
        axes.set_xlim(0, results[0].scenario.run.duration)
        axes.set_ylabel("requests/s" if index % columns == 0 else "")
        if index + columns >= len(runs):
            axes.set_xlabel("time in s")
            axes.tick_params(labelbottom=True)
    figure.axes[0].set_ylim(bottom=0)
    style.headroom(figure.axes[0], lanes)
    for axes in figure.axes[len(runs) :]:
        figure.delaxes(axes)
    strokes.role_legend(figure, next(iter(runs.values())), (style.OFFERED, style.GOODPUT))
    return figure


def write_comparison(runs: Mapping[str, Sequence[Result]], folder: Path) -> Path:
    """Write ``compare.html``, ``compare.json`` and ``plots/compare.png`` into ``folder``; returns the page."""
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    rows, figure = compare_table(runs), comparison_figure(runs)
    style.save_png(figure, folder / "plots" / "compare.png")
    text = json.dumps([as_json(row) for row in rows], indent=2, ensure_ascii=False)
    (folder / "compare.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "compare.html"
    first = next(iter(runs.values()))[0]
    context = {
        "headline": comparison_headline(rows),
        "scenario": first.scenario,
        "rows": rows,
        "worlds": len({row.world for row in rows}),
        "columns": COLUMNS,
        "svg": Markup(style.inline_svg(figure, "compare")),
        "void": [
            (WORLDS[one.world], one.seed, why) for results in runs.values() for one in results for why in one.void
        ],
    }
    page.write_text(render("compare.html.j2", context), encoding="utf-8")
    return page


def as_json(row: Row) -> dict[str, Any]:
    """One row as JSON: what is not known is null."""
    tree = asdict(row)
    for key, value in tree.items():
        if isinstance(value, dict) and "mean" in value:
            tree[key] = {name: one if math.isfinite(one) else None for name, one in value.items()}
    return tree


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


def _panel_verdict(results: Sequence[Result]) -> list[str]:
    found = findings(results)
    alike = len({one.word for one in found}) == 1
    among = [f" {one.counts[one.word]} of {one.runs}" if one.runs > 1 else "" for one in found]
    if alike:
        return [f"{mark(found[0].word)} {spoken(found[0].word)}{among[0]}"]
    return [
        f"{WORLDS[one.world]} {mark(one.word)} {spoken(one.word)}{share}"
        for one, share in zip(found, among, strict=True)
    ]


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _t(freedom: int) -> float:
    """t(0.975) for ``freedom`` degrees of freedom; Abramowitz and Stegun, 26.7.5, from 11 on."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z, n = _Z, float(freedom)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
