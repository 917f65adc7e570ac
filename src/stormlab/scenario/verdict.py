"""Did it recover, when, and which feedback loop kept it down.

*Health* of a moment is the share of the requests due then that ended in success, relative to the share before the
first fault. A run is judged by how long health stays below 90 % once the faults are over. Metastability is meant as
by Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021: the bad state outlives its trigger because
a feedback loop sustains it, not because load exceeds capacity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stormlab.scenario.evidence import Evidence, Loop, gather
from stormlab.scenario.health import Flags, Health, end_bins, fell_short, health_of
from stormlab.scenario.measures import bins
from stormlab.scenario.model import Scenario
from stormlab.scenario.series import Series
from stormlab.scenario.vocabulary import Word

__all__ = ["HOLD", "Loop", "Verdict", "Word", "healthy_bins", "judge"]

#: Health must last this many s to the end of the run to count as recovered; less when less follows the last fault.
HOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A word with its reasons; ``time_to_recover`` in s after the end of the last fault, ``None`` if it never did."""

    word: Word
    time_to_recover: float | None
    loop: Loop | None
    sentence: str


def judge(series: Series, scenario: Scenario) -> Verdict:
    """The verdict on one run."""
    health = health_of(series, scenario)
    if not health.sound:
        sentence = f"Collapsed: only {health.share:.0%} of the requests succeeded before the first fault already."
        return Verdict(word=Word.COLLAPSED, time_to_recover=None, loop=gather(series, scenario).loop, sentence=sentence)
    first = bins(scenario, "fault")[0] if scenario.faults else health.baseline[1]
    over = int(np.ceil(scenario.trigger_end))
    recovered = health.over(first)
    since = first if recovered is None else recovered
    if len(series) - since < _hold(scenario, recovered) or not _healthy_since(since, series, scenario, health):
        return _down(gather(series, scenario))
    if recovered is None:
        return Verdict(word=Word.UNAFFECTED, time_to_recover=0.0, loop=None, sentence="Unaffected: health never fell.")
    return _recovered(max(0.0, float(recovered - over)), scenario)


def _hold(scenario: Scenario, recovered: int | None) -> int:
    """How many s of health at the end are asked for; none of what never fell."""
    if recovered is None:
        return 0
    left = int(np.ceil(scenario.run.duration)) - int(np.ceil(scenario.trigger_end))
    return min(HOLD, left) if left > 0 else HOLD


def _healthy_since(since: int, series: Series, scenario: Scenario, health: Health) -> bool:
    """Whether what follows ``since`` and the last fault, and the end of the run, are healthy as a whole."""
    over, end = int(np.ceil(scenario.trigger_end)), len(series)
    rest = (max(since, over) if over < end else since, end)
    return not any(fell_short(series, health, *window) for window in (rest, end_bins(scenario, end)))


def healthy_bins(series: Series, scenario: Scenario) -> Flags:
    """For each bin whether health is at least 90 % of the baseline.

    Closed-loop clients who wait for answers ask for less: with them, demand below half the baseline is not healthy
    either.
    """
    return ~health_of(series, scenario).down


def _recovered(seconds: float, scenario: Scenario) -> Verdict:
    late = seconds > scenario.run.recover_within
    word = Word.RECOVERED_LATE if late else Word.RECOVERED
    limit = f", later than the {scenario.run.recover_within:g} s allowed" if late else ""
    when = f"{seconds:g} s after" if seconds else "by the time"
    sentence = f"Recovered {when} the trigger ended{limit}."
    if scenario.trigger_end >= scenario.run.duration:
        sentence = "Recovered while the fault was still active." if scenario.faults else "Recovered, without a fault."
    return Verdict(word=word, time_to_recover=seconds, loop=None, sentence=sentence)


def _down(evidence: Evidence) -> Verdict:
    word, loop = (Word.METASTABLE if evidence.metastable else Word.COLLAPSED), evidence.loop
    return Verdict(word=word, time_to_recover=None, loop=loop, sentence=_sentence(evidence, word, loop))


def _sentence(evidence: Evidence, word: Word, loop: Loop | None) -> str:
    before, end = evidence.before, evidence.end
    share = end.goodput / before.goodput if before.goodput else 0.0
    kept_down = f"; kept down by {loop}" if loop else ""
    return (
        f"{word.value.capitalize()}: at the end goodput is {share:.1%} of what it was, with {end.amplification:.2f} "
        f"attempts per request, at {rate(end.offered)} offered against a capacity of {rate(end.capacity)}{kept_down}."
    )


def rate(per_second: float) -> str:
    """In whole numbers, and to two digits below 1/s, which is not nothing."""
    return f"{per_second:.0f}/s" if per_second >= 1 or per_second == 0 else f"{per_second:.2g}/s"
