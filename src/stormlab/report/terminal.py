"""What a run came to, for a terminal: verdicts, key measures, expectations, doses, and where the report is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stormlab.report import divergence
from stormlab.report.figures import median_measure
from stormlab.report.findings import WORLDS, Finding, findings, mark, number, percent, spoken, windows, worlds
from stormlab.report.glossary import MEASURES
from stormlab.report.league import COLUMNS, Column, Row, compare_table, comparison_headline
from stormlab.report.ranking import reversals
from stormlab.report.standing import standings
from stormlab.scenario.result import Result
from stormlab.scenario.vocabulary import Word

#: From how many variants on each has a line, and no longer a column, of its own.
MANY = 7

#: Wider than any table, in characters.
UNBOUNDED = 10_000

#: The measures that fit on a terminal.
KEY = ("offered", "attempts", "goodput", "success_ratio", "attempts_per_request", "latency_p50", "latency_p99")

TONES = {
    Word.UNAFFECTED: "green",
    Word.RECOVERED: "green",
    Word.RECOVERED_LATE: "yellow",
    Word.METASTABLE: "red",
    Word.COLLAPSED: "magenta",
}


def summary(results: Sequence[Result], console: Console, *, report: Path | None = None) -> None:
    """Print what ``results`` (runs of one scenario and variant, one or many, in one world or both) came to."""
    scenario = results[0].scenario
    variant = f" ({scenario.variant})" if scenario.variant else ""
    console.print(_text(f"{scenario.name}{variant}: {scenario.title}", "bold"))
    for line in (*_verdicts(findings(results)), *_void(results)):
        console.print(line)
    console.print(_measures(results))
    for line in (*_expectations(results), *_doses(results), *_agreement(results)):
        console.print(line)
    if report is not None:
        console.print(_text("report: ", "bold"), _text(str(report)), sep="", soft_wrap=True)


def comparison_summary(runs: Mapping[str, Sequence[Result]], console: Console, *, report: Path | None = None) -> None:
    """Print variants next to each other: means over seeds with their 95 % confidence intervals."""
    rows = compare_table(runs)
    console.print(_text(comparison_headline(rows), "bold"))
    console.print(*(_lengthwise(rows, console) if len(rows) >= MANY else [_side_by_side(rows)]), sep="\n")
    for line in _ranking(rows):
        console.print(line)
    for line in (line for variant, results in runs.items() for line in _void(results, of=f"{variant}, ")):
        console.print(line)
    if any(row.runs > 1 for row in rows):
        console.print(_text("Means over the seeds, ± half the width of their 95 % confidence interval.", "dim"))
    if report is not None:
        console.print(_text("report: ", "bold"), _text(str(report)), sep="", soft_wrap=True)


def _side_by_side(rows: Sequence[Row]) -> Table:
    table = _table()
    table.add_column()
    for row in rows:
        table.add_column(_row_name(row, rows), justify="right")
    for column in COLUMNS:
        table.add_row(f"{column.label} {column.unit}", *(_text(column.text(row)) for row in rows))
    return table


def _lengthwise(rows: Sequence[Row], console: Console) -> Iterator[Table]:
    """One line per variant; as many tables below each other as it takes for each to fit ``console``."""
    width = console.options.update(max_width=UNBOUNDED)
    left: Sequence[Column] = COLUMNS
    while left:
        sizes = range(len(left), 0, -1)
        fitting = (n for n in sizes if console.measure(_lines(rows, left[:n]), options=width).maximum <= console.width)
        size = next(fitting, 1)
        yield _lines(rows, left[:size])
        left = left[size:]


def _lines(rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    table = _table()
    table.add_column(no_wrap=True)
    for column in columns:
        heading = f"{column.label} {column.unit}".strip()
        table.add_column(heading.replace(", ", "\n"), justify="right", vertical="bottom", no_wrap=True)
    for row in rows:
        table.add_row(_row_name(row, rows), *(_text(column.text(row)) for column in columns))
    return table


def _verdicts(found: Sequence[Finding]) -> Iterator[Text]:
    for one in found:
        yield Text.assemble(
            (f"{mark(one.word)} {spoken(one.word).upper()}", f"bold {TONES[one.word]}"),
            ("  " + WORLDS[one.world], "bold"),
            (" (void)" if one.void else "", "bold red"),
            "  ",
            _text(one.sentence),
        )


def _void(results: Sequence[Result], *, of: str = "") -> Iterator[Text]:
    for one in results:
        for reason in one.void:
            yield _text(f"✗ VOID  {of}{WORLDS[one.world]}, seed {one.seed}: {reason}", "bold red")


def _measures(results: Sequence[Result]) -> Table:
    groups = worlds(results)
    table = _table()
    table.add_column("median of the runs" if len(results) > len(groups) else "")
    columns = windows(results[0].scenario)
    for heading in columns.values():
        for world in groups:
            table.add_column(f"{heading}\n{WORLDS[world]}" if len(groups) > 1 else heading, justify="right")
    for name in KEY:
        label, unit = MEASURES[name]
        cells = [number(median_measure(members, window, name)) for window in columns for members in groups.values()]
        table.add_row(f"{label} {f'({unit})' if unit else ''}", *cells)
    return table


def _expectations(results: Sequence[Result]) -> Iterator[Text]:
    for one in standings(results):
        tone, sign = ("green", "✓") if one.ok else ("bold red", "✗")
        world = f" [{WORLDS[one.world]}]" if len(worlds(results)) > 1 else ""
        yield Text.assemble((sign, tone), " ", _text(f"{one.name}{world}: {one.value} (must be: {one.bounds})"))


def _doses(results: Sequence[Result]) -> Iterator[Text]:
    for one in results:
        for dose in one.doses:
            tone, sign = ("green", "✓") if dose.ok else ("bold red", "✗")
            text = f"dose of {dose.fault}: {number(dose.observed)} {dose.unit} observed, {number(dose.asked)} asked for"
            yield Text.assemble((sign, tone), " ", _text(text))


def _agreement(results: Sequence[Result]) -> Iterator[Text]:
    found = divergence.divergences(results)
    agree = divergence.agree(found, results)
    if agree is None:
        return
    worst = max((one for one in found if one.measure in divergence.DECISIVE), key=lambda one: one.relative or 0.0)
    sign, tone = ("✓", "green") if agree else ("✗", "bold red")
    apart = f"{worst.measure} in {worst.phase} {percent(worst.relative or 0.0)} apart"
    text = f"simulation and live: at worst {apart} (must be: {percent(worst.threshold)} or less, away from transitions)"
    yield Text.assemble((sign, tone), " ", _text(text))


def _ranking(rows: Sequence[Row]) -> Iterator[Text]:
    reversed_pairs = reversals(rows)
    if reversed_pairs is None:
        return
    pairs = ", ".join(f"{one} and {other}" for one, other in reversed_pairs)
    sign, tone = ("✗", "bold red") if pairs else ("✓", "green")
    text = f"simulation and live rank in opposite orders: {pairs}" if pairs else "simulation and live rank alike"
    yield Text.assemble((sign, tone), " ", _text(text))


def _row_name(row: Row, rows: Sequence[Row]) -> Text:
    several = len({one.world for one in rows}) > 1
    return _text(f"{row.variant} ({WORLDS[row.world]})" if several else row.variant, "bold")


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _text(content: str, tone: str = "") -> Text:
    """Text from a scenario: neither markup nor control sequences of a terminal get through."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in content), tone)
