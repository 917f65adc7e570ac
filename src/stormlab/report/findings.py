"""What a set of runs says, in one sentence per world: the titles of figures and the top of the report."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result
from stormlab.scenario.verdict import Loop
from stormlab.scenario.vocabulary import Word

#: The two worlds in the order in which they are always shown.
WORLDS = {"sim": "simulation", "live": "live"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the runs of one world agree on: the most frequent verdict, with medians over the runs that have it.

    ``time_to_recover`` is in s, ``None`` unless they recovered. ``goodput_ratio`` and ``attempts_per_request`` are
    those of the window after the faults, NaN when they are not defined. ``void`` counts the runs that must not be used.
    """

    world: str
    runs: int
    counts: Mapping[Word, int]
    word: Word
    loop: Loop | None
    time_to_recover: float | None
    goodput_ratio: float
    attempts_per_request: float
    trigger: str
    verdict_sentence: str
    void: int

    @property
    def sentence(self) -> str:
        """The finding in full: the judge's own sentence for one run, the claim and the exceptions for many."""
        if self.runs == 1:
            return self.verdict_sentence
        others = ", ".join(f"{spoken(word)} in {n}" for word, n in self.counts.items() if word is not self.word)
        return f"{self.claim}{f'; {others}' if others else ''}."

    @property
    def claim(self) -> str:
        """The finding without the world: short enough for the title of a figure."""
        among = f" in {self.counts[self.word]} of {self.runs} runs" if self.runs > 1 else ""
        return f"{spoken(self.word).capitalize()}{among}: {_how([self])}"

    @property
    def among(self) -> str:
        """In which runs of this world the word holds."""
        kind = "simulated" if self.world == "sim" else "live"
        return f"in {self.counts[self.word]} of {self.runs} {kind} runs" if self.runs > 1 else kind


def worlds(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The runs by world, simulation first; worlds without runs are left out."""
    grouped = {world: [one for one in results if one.world == world] for world in WORLDS}
    return {world: members for world, members in grouped.items() if members}


def findings(results: Sequence[Result]) -> list[Finding]:
    """One finding per world, simulation first."""
    return [_finding(world, members) for world, members in worlds(results).items()]


def headline(results: Sequence[Result]) -> str:
    """One line over all worlds; void runs have no say, unless there are no others."""
    valid = [one for one in results if one.valid]
    if not valid:
        return f"Void, must not be used: {_lower(_headline(findings(results)))}"
    return _headline(findings(valid))


def _headline(found: Sequence[Finding]) -> str:
    if len(found) == 1:
        return found[0].claim
    if len({one.word for one in found}) == 1:
        comma = "" if found[0].runs > 1 else ","
        return f"{spoken(found[0].word).capitalize()}{comma} {' and '.join(one.among for one in found)}: {_how(found)}"
    claims = "; ".join(f"{WORLDS[one.world]}: {_lower(one.claim)}" for one in found)
    return f"The worlds disagree. {claims[:1].upper()}{claims[1:]}"


def spoken(word: Word) -> str:
    """A verdict as it stands in a sentence."""
    return word.value.replace("-", " ")


def mark(word: Word) -> str:
    """A sign next to a verdict that can be told apart without colours."""
    return {Word.UNAFFECTED: "✓", Word.RECOVERED: "✓", Word.RECOVERED_LATE: "◷"}.get(word, "✗")


def percent(share: float) -> str:
    """A share in words: ``0.4 %``, ``12 %``, ``—`` when it is not known."""
    if not math.isfinite(share):
        return "—"
    return f"{100 * share:.1f} %" if 0.0005 <= abs(share) < 0.095 else f"{100 * share:.0f} %"


def number(value: float | str | None, *, digits: int = 3) -> str:
    """A value for a table: ``digits`` significant digits, ``—`` for what is not known, words as they are."""
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{digits}g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def windows(scenario: Scenario) -> dict[str, str]:
    """What stands above the columns of a table, by window; without faults all windows are one, the run."""
    return {window: window for window in ("baseline", "fault", "after")} if scenario.faults else {"after": "run"}


def trigger_name(scenario: Scenario) -> str:
    """What went wrong, in words for a sentence; empty when nothing did."""
    labels = list(dict.fromkeys(fault.label for fault in scenario.faults))
    if len(labels) == 1:
        return f"the {labels[0][:40]}"
    return "the faults" if labels else ""


def _finding(world: str, members: Sequence[Result]) -> Finding:
    counts = Counter(one.verdict.word for one in members)
    word = max(counts, key=lambda candidate: (counts[candidate], list(Word).index(candidate)))
    alike = [one for one in members if one.verdict.word is word]
    loops = Counter(one.verdict.loop for one in alike)
    times = [one.verdict.time_to_recover for one in alike if one.verdict.time_to_recover is not None]
    return Finding(
        world=world,
        runs=len(members),
        counts=counts,
        word=word,
        loop=loops.most_common(1)[0][0],
        time_to_recover=statistics.median(times) if times else None,
        goodput_ratio=_median(one.measures["after"]["goodput_ratio"] for one in alike),
        attempts_per_request=_median(one.measures["after"]["attempts_per_request"] for one in alike),
        trigger=trigger_name(members[0].scenario),
        verdict_sentence=members[0].verdict.sentence,
        void=sum(not one.valid for one in members),
    )


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else float("nan")


def _how(found: Sequence[Finding]) -> str:
    """What backs the word that all of ``found`` share."""
    trigger = found[0].trigger
    match found[0].word:
        case Word.UNAFFECTED:
            return "the share of requests that succeed never fell"
        case Word.RECOVERED | Word.RECOVERED_LATE:
            return _when(found, trigger)
    loops = {one.loop for one in found if one.loop}
    kept = f", kept down by {' and '.join(sorted(loops))}" if loops else ""
    left = _distinct(percent(one.goodput_ratio) for one in found)
    return f"{left} of the goodput is left after {trigger}{kept}" if trigger else f"without a fault{kept}"


def _when(found: Sequence[Finding], trigger: str) -> str:
    if not trigger:
        return "without a fault"
    times = _distinct(f"{number(one.time_to_recover)} s" for one in found)
    return f"by the end of {trigger}" if times == "0 s" else f"{times} after the end of {trigger}"


def _distinct(words: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(words))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
