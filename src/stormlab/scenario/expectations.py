"""Holds what a run did against what its scenario expects."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stormlab.scenario.measures import measure, of_client, of_service
from stormlab.scenario.model import Expectation, Scenario
from stormlab.scenario.series import Series
from stormlab.scenario.verdict import Verdict
from stormlab.scenario.vocabulary import TIME_TO_RECOVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation on one run: its value, its bounds in words, and whether it holds."""

    name: str
    value: str | float | None
    bounds: str
    ok: bool
    share: float = 1.0


def check(scenario: Scenario, series: Series, verdict: Verdict) -> list[Check]:
    """Every expectation of the scenario, in the order of the file."""
    return [_check(expectation, scenario, series, verdict) for expectation in scenario.expect]


def bounds(expectation: Expectation) -> str:
    """What it must be, in words."""
    if expectation.verdict is not None:
        return " or ".join(expectation.verdict)
    low = f"{expectation.min:g} ≤ " if expectation.min is not None else ""
    high = f" ≤ {expectation.max:g}" if expectation.max is not None else ""
    return f"{low}{expectation.measure}{high}"


def place(expectation: Expectation) -> str:
    """Of whom and when it is measured, in words; empty for what is said of the whole run."""
    if expectation.measure in (None, TIME_TO_RECOVER):
        return ""
    window, whose = expectation.window, expectation.service or expectation.client
    when = window if isinstance(window, str) else f"{window[0]:g} to {window[1]:g} s"
    return f"of {whose} {when}" if whose else when


def _check(expectation: Expectation, scenario: Scenario, series: Series, verdict: Verdict) -> Check:
    if expectation.verdict is not None:
        word, name = verdict.word.value, expectation.name or "verdict"
        ok = word in expectation.verdict
        return Check(name=name, value=word, bounds=bounds(expectation), ok=ok, share=expectation.share)
    name = str(expectation.measure)
    value = verdict.time_to_recover if name == TIME_TO_RECOVER else _measured(expectation, name, series, scenario)
    return Check(
        name=expectation.name or f"{name} {place(expectation)}".strip(),
        value=value,
        bounds=bounds(expectation),
        ok=_within(value, expectation.min, expectation.max),
        share=expectation.share,
    )


def _measured(expectation: Expectation, name: str, series: Series, scenario: Scenario) -> float:
    if expectation.service is not None:
        return of_service(name, expectation.service, series, scenario, expectation.window)
    if expectation.client is not None:
        series = of_client(series, expectation.client)
    return measure(name, series, scenario, expectation.window)


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None or math.isnan(value):
        return False
    return (low is None or value >= low) and (high is None or value <= high)
