"""Variants of one scenario next to each other: one table with confidence intervals, two figures, one page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from stormlab.report import strokes, style
from stormlab.report.findings import WORLDS, findings, mark, spoken
from stormlab.report.league import COLUMNS, as_json, compare_table, comparison_headline
from stormlab.report.league_figure import league_figure
from stormlab.report.template import render
from stormlab.scenario.result import Result


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
    """Write ``compare.html``, ``compare.json`` and ``plots/{league,compare}.png`` into ``folder``; returns the page."""
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    rows = compare_table(runs)
    figures = {"league": league_figure(rows), "compare": comparison_figure(runs)}
    for name, figure in figures.items():
        style.save_png(figure, folder / "plots" / f"{name}.png")
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
        "figures": [Markup(style.inline_svg(figure, name)) for name, figure in figures.items()],
        "void": [
            (WORLDS[one.world], one.seed, why) for results in runs.values() for one in results for why in one.void
        ],
    }
    page.write_text(render("compare.html.j2", context), encoding="utf-8")
    return page


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
