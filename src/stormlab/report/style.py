"""The one look of every figure: Okabe-Ito colours, direct labels, shaded faults, a title that states the finding.

The palette is the one of Okabe and Ito, "Color Universal Design" (2008, jfly.uni-koeln.de/color), which stays
distinguishable with the common forms of colour blindness; roles differ in line style and weight too, for print in grey.
"""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlab.scenario.model import Scenario

if TYPE_CHECKING:
    from matplotlib.typing import LineStyleType, RcKeyType

INK, MUTED, GRID, PAPER = "#1f2328", "#66707b", "#dfe3e8", "#ffffff"
BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
PURPLE, SKY = "#cc79a7", "#56b4e9"
FAULT, REMEDY = "#b58900", "#2aa198"

#: For things without a role of their own, such as services and variants.
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

#: Colours that the report page replaces by variables of its style sheet, so that they follow light and dark.
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    ORANGE: "orange",
    PURPLE: "purple",
    SKY: "sky",
    FAULT: "fault",
    REMEDY: "remedy",
}

RC: dict[RcKeyType, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "stormlab",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}

#: All figures are this many inches wide and have the same margins, so that their axes of time line up on a page.
WIDTH = 10.0

#: The height of a line of fault names, in points.
LANE = 13

P = ParamSpec("P")
Drawn = TypeVar("Drawn", bound=Figure | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """How one quantity is always drawn."""

    column: str
    label: str
    colour: str
    style: LineStyleType = "-"
    width: float = 1.6


OFFERED = Role(column="offered", label="offered", colour=INK, style=(0, (4, 2)), width=1.3)
ATTEMPTS = Role(column="attempts", label="attempts", colour=VERMILLION, width=1.5)
GOODPUT = Role(column="goodput", label="goodput", colour=BLUE, width=2.4)


@contextmanager
def house() -> Iterator[None]:
    """The house style for what is made inside the block."""
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def in_house(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """A drawing function whose figures have the house style."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with house():
            return draw(*args, **kwargs)

    return styled


def wrapped(title: str) -> str:
    """In lines that fit, none of which begins with a percent sign."""
    return textwrap.fill(title.replace(" %", "\u00a0%"), 84).replace("\u00a0", " ")


def canvas(
    title: str,
    subtitle: str = "",
    *,
    rows: int = 1,
    columns: int = 1,
    height: float = 4.2,
    roomy: bool = False,
    common: Literal["both", "vertical"] = "both",
) -> Figure:
    """A figure of ``rows`` × ``columns`` panels on common axes, or with only the ``vertical`` one in common.

    ``height`` is in inches, for a width of 10. ``roomy`` leaves place for a title on every panel and a legend above
    them all, instead of one for labels at the right.
    """
    figure = Figure(figsize=(WIDTH, height))
    text = wrapped(title)
    lines = text.count("\n") + 1
    panels = figure.subplots(rows, columns, sharex=common == "both", sharey=columns > 1, squeeze=False)
    figure.suptitle(text, x=0.008, y=1 - 0.08 / height, ha="left", va="top", fontsize=13, fontweight="bold", color=INK)
    panels[0][0].set_title(subtitle)
    figure.subplots_adjust(
        left=0.75 / WIDTH,
        right=1 - (0.1 if roomy else 1.6) / WIDTH,
        top=1 - ((0.65 if roomy else 0.42) + 0.22 * lines) / height,
        bottom=0.5 / height,
        hspace=0.32 if roomy else 0.14,
        wspace=0.08,
    )
    return figure


def shade(axes: Axes, scenario: Scenario, *, named: bool = True) -> int:
    """Shade when faults (and interventions, in another colour) are active, with their names at the top.

    Returns how many lines the names take, for :func:`headroom`.
    """
    bands = [(one, FAULT) for one in scenario.faults] + [(one, REMEDY) for one in scenario.interventions]
    lanes: list[float] = []
    for one, colour in bands:
        end = min(one.until, scenario.run.duration)
        axes.axvspan(one.at, end, color=colour, alpha=0.16, linewidth=0, zorder=0)
        if not named:
            continue
        text = textwrap.shorten(one.label, 32, placeholder="…")
        lane = next((i for i, taken in enumerate(lanes) if taken <= one.at), len(lanes))
        reach = max(end, one.at + len(text) * scenario.run.duration * 0.0108)
        lanes[lane : lane + 1] = [reach]
        axes.annotate(
            text,
            (one.at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3 - LANE * lane),
            textcoords="offset points",
            va="top",
            fontsize=9,
            fontweight="bold",
            color=colour,
        )
    return len(lanes)


def headroom(axes: Axes, lanes: int) -> None:
    """Extend the axis upwards so that ``lanes`` lines of names stand above the data."""
    low, high = axes.get_ylim()
    inches = axes.get_position().height * axes.get_figure(root=True).get_figheight()  # type: ignore[union-attr]
    share = min((LANE * lanes + 3) / (72 * inches), 0.5) if lanes else 0.0
    growth = 1 / (1 - share)
    axes.set_ylim(low, low * (high / low) ** growth if axes.get_yscale() == "log" else low + growth * (high - low))


def label_ends(axes: Axes, ends: Iterable[tuple[float, str, str]], *, gap: float = 0.075) -> None:
    """Write what each line is right of its end; ``ends`` are (y, text, colour), kept ``gap`` of the height apart."""
    transform = axes.transData + axes.transAxes.inverted()
    wanted = sorted((float(transform.transform((0.0, y))[1]), text, colour) for y, text, colour in ends if y == y)
    places = _spread([min(max(place, 0.0), 1.0) for place, _, _ in wanted], gap)
    for place, (_, text, colour) in zip(places, wanted, strict=True):
        axes.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            fontweight="bold",
            color=colour,
            annotation_clip=False,
        )


def _spread(places: Sequence[float], gap: float) -> list[float]:
    """Ascending ``places`` moved as little as a sweep up and a sweep down need to be ``gap`` apart, at most 1."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = 1.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def save_png(figure: Figure, path: Path) -> None:
    """Write ``figure`` for slides and print, 1440 pixels wide; byte for byte the same for the same figure."""
    with house():
        figure.savefig(path, dpi=144, metadata={"Software": None})


def inline_svg(figure: Figure, name: str) -> str:
    """``figure`` as an SVG element for an HTML page, its colours following the page, its ids starting with ``name``."""
    text = io.StringIO()
    with house():
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 id="{name}" role="img">', svg, count=1)
    svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg.replace(f'id="{name}"', "", 1))
    svg = svg.replace("xlink:href", "href")
    return re.sub("|".join(VARIABLES), lambda match: f"var(--{VARIABLES[match[0]]})", svg)
