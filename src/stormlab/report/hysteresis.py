"""The hysteresis loop as a figure: the share that is served against the load, on the way up and on the way down."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from stormlab.report import style


@style.in_house
def loop(title: str, loads: Sequence[float], up: Sequence[float], down: Sequence[float]) -> Figure:
    """``loads`` in requests/s from low to high; ``up`` and ``down`` are shares from 0 to 1."""
    figure = style.canvas(title, "requests that succeed (%), by the load, which rises and then falls", height=4.4)
    figure.subplots_adjust(right=0.98)
    (axes,) = figure.axes
    for shares, colour, marker in ((up, style.BLUE, ">"), (down, style.VERMILLION, "<")):
        axes.plot(loads, [100 * share for share in shares], color=colour, marker=marker, markersize=8, linewidth=2)
    gaps = [high - low for high, low in zip(up, down, strict=True)]
    widest = [level for level, gap in enumerate(gaps) if gap >= max(gaps) - 0.05]
    apart = widest[len(widest) // 2]
    for text, share, colour, above in (("rising", up, style.BLUE, -1), ("falling", down, style.VERMILLION, 1)):
        axes.annotate(
            f"load {text}",
            (loads[apart], 100 * share[apart]),
            xytext=(0, 12 * above),
            textcoords="offset points",
            color=colour,
            ha="center",
            va="bottom" if above > 0 else "top",
            fontweight="bold",
        )
    axes.set(xlabel="load (requests/s)", ylim=(-4, 104))
    return figure
