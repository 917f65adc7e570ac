"""PromQL in the words of the vocabulary: rates, ratios and quantiles, one selector for every query of a page."""

from __future__ import annotations

#: Over what time rates are taken: long enough for five scrapes, short enough to see a storm begin.
WINDOW = "5s"
SERVICE = 'service=~"$service"'
EDGE = 'edge=~"$edge"'


def rate(metric: str, selector: str, *by: str) -> str:
    """Events per second, summed ``by`` these labels."""
    return f"sum{_by(by)} (rate({metric}{{{selector}}}[{WINDOW}]))"


def total(metric: str, selector: str, *by: str) -> str:
    return f"sum{_by(by)} ({metric}{{{selector}}})"


def ratio(above: str, below: str) -> str:
    """``above`` per ``below``; no value where there is nothing below."""
    return f"({above}) / (({below}) > 0)"


def quantile(q: float, histogram: str, selector: str, *by: str) -> str:
    labels = ", ".join(["le", *by])
    return f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket{{{selector}}}[{WINDOW}])))"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
