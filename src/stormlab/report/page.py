"""One self-contained page per set of runs: verdicts, figures, expectations, measures, doses, how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from stormlab.report import divergence, figures, style
from stormlab.report.findings import WORLDS, findings, headline, number, windows, worlds
from stormlab.report.glossary import GLOSSARY, MEASURES
from stormlab.report.incident import incident_figure
from stormlab.report.standing import standings
from stormlab.report.template import render
from stormlab.scenario import loader
from stormlab.scenario.result import Dose, Result


def write_report(results: Sequence[Result], folder: Path) -> Path:
    """Write ``report.html`` and ``plots/*.png`` into ``folder``; with both worlds ``divergence.json`` too.

    Args:
        results: runs of one scenario and variant, at least one, in one world or both.

    Returns:
        The path of the page, which needs nothing but itself.
    """
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, figure in _figures(results):
        style.save_png(figure, plots / f"{name}.png")
        drawn.append({"name": name, "svg": Markup(style.inline_svg(figure, name)), "alt": figure.get_suptitle()})
    found = divergence.divergences(results)
    if found:
        divergence.write(results, folder / "divergence.json")
    page = folder / "report.html"
    context = _context(results) | {
        "figures": drawn,
        "divergences": _by_phase(found),
        "agree": divergence.agree(found, results),
    }
    page.write_text(render("page.html.j2", context), encoding="utf-8")
    return page


def command(results: Sequence[Result]) -> str:
    """What to type to run this again; a command line that knows better says so in the facts of the result."""
    first = results[0]
    if "command" in first.facts:
        return str(first.facts["command"])
    groups = worlds(results)
    words = ["stormlab", "run", first.scenario.name or "scenario.toml"]
    words += ["--variant", first.scenario.variant] if first.scenario.variant else []
    words += ["--both"] if len(groups) > 1 else ["--live"] if "live" in groups else []
    words += ["--seed", str(min(one.seed for one in results))]
    seeds = max(len(members) for members in groups.values())
    words += ["--seeds", str(seeds)] if seeds > 1 else []
    return shlex.join(words)


def _figures(results: Sequence[Result]) -> Iterator[tuple[str, Figure]]:
    incident = incident_figure(results)
    if incident is not None:
        yield "incident", incident
    yield "load", figures.load_figure(results)
    yield "latency", figures.latency_figure(results)
    yield "queue", figures.queue_figure(results)
    failures = figures.failures_figure(results)
    if failures is not None:
        yield "failures", failures


def _context(results: Sequence[Result]) -> dict[str, Any]:
    first = results[0]
    return {
        "scenario": first.scenario,
        "headline": headline(results),
        "findings": findings(results),
        "void": [(WORLDS[one.world], one.seed, reason) for one in results for reason in one.void],
        "expectations": standings(results),
        "measures": _measures(results),
        "measures_by_name": {name: label for name, (label, _) in MEASURES.items()},
        "doses": _doses(results),
        "definition": (divergence.__doc__ or "").partition("\n\n")[2],
        "command": command(results),
        "effective": loader.dump(first.scenario),
        "disturbances": [("fault", one) for one in first.scenario.faults]
        + [("intervention", one) for one in first.scenario.interventions],
        "facts": {key: value for key, value in first.facts.items() if isinstance(value, str | int | float)},
        "glossary": GLOSSARY,
    }


def _measures(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Rows of the table of measures: the median over the runs, per world and window."""
    groups = worlds(results)
    return [
        {
            "label": label,
            "unit": unit,
            "cells": [
                {
                    "world": WORLDS[world],
                    "window": heading,
                    "text": number(figures.median_measure(members, window, name)),
                }
                for window, heading in windows(results[0].scenario).items()
                for world, members in groups.items()
            ],
        }
        for name, (label, unit) in MEASURES.items()
    ]


def _by_phase(found: Sequence[divergence.Divergence]) -> dict[str, dict[str, divergence.Divergence]]:
    """Divergences as a table: measures by phase, without the phases in which nothing can be compared."""
    phases = dict.fromkeys(one.phase for one in found if one.bins >= divergence.FEWEST)
    table: dict[str, dict[str, divergence.Divergence]] = {}
    for one in found:
        if one.phase in phases:
            table.setdefault(one.measure, {})[one.phase] = one
    return table


def _doses(results: Sequence[Result]) -> list[tuple[str, int, Dose]]:
    """Every dose, those that are off first; of many runs only those that are off and the first few."""
    rows = [(WORLDS[one.world], one.seed, dose) for one in results for dose in one.doses]
    off = [row for row in rows if not row[2].ok]
    return off + [row for row in rows if row[2].ok][: max(20 - len(off), 0)]
