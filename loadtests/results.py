"""What came of a load: whether it counts, whether what was expected holds, and the files that say so."""

from __future__ import annotations

import csv
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from hdrh.log import HistogramLogWriter

from loadtests.journal import Rows
from loadtests.plan import Job
from loadtests.tally import QUANTILES, ClientTally, Tally, label_of
from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.arrivals import arrival_times
from stormlab.scenario.model import Closed

#: Less of what was due than this was sent in time: the run is void.
FEWEST = 0.99
#: A worker whose clock is further from the master's than this, in s, does not know when to send what.
CLOCKS = 0.1
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_EXPECTATION = re.compile(r"(?:([a-z][a-z0-9-]*)\.)?([a-z]+[0-9.]*|[a-z-]+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """One worker's part: how many requests were planned (``None`` in a closed loop) and how many it reported.

    ``lost`` is when it was missed, in s since the start of the load, or ``None``.
    """

    share: int
    planned: int | None
    reported: int
    dropped: int = 0
    under_way: int = 0
    clock: float = 0.0
    lost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """``client`` is empty for all clients together."""

    text: str
    client: str
    measure: str
    compare: str
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An expectation and what was found."""

    text: str
    value: float | None
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished load. ``stopped`` is when somebody stopped it early, in s, or ``None``."""

    job: Job
    tally: Tally
    workers: Sequence[WorkerReport]
    stopped: float | None
    started: str

    @property
    def until(self) -> float:
        duration = self.job.scenario.run.duration
        return duration if self.stopped is None else min(duration, self.stopped)

    @property
    def closed(self) -> bool:
        return any(isinstance(one.arrivals, Closed) for one in self.job.scenario.clients.values())

    @property
    def due(self) -> int | None:
        """Requests that were due until the end of the load; ``None`` in a closed loop."""
        if self.closed:
            return None
        if self.stopped is None:
            return sum(one.planned or 0 for one in self.workers)
        return sum(count for second, count in self.tally.seconds.offered.items() if second < self.until)

    @property
    def void(self) -> list[str]:
        """Why the figures must not be used; empty when they may."""
        return [*self._lost(), *self._late(), *self._short(), *self._clocks()]

    @property
    def checks(self) -> list[Check]:
        return [self._check(one) for one in expectations(self.job.settings.expect, list(self.tally.clients))]

    @property
    def status(self) -> int:
        """The exit status: 3 void, 1 an expectation does not hold, 0 otherwise."""
        if self.void:
            return 3
        return 0 if all(one.ok for one in self.checks) else 1

    def measure(self, tally: ClientTally, name: str) -> float | None:
        """One measure by its name in expectations; ``None`` when nothing was measured."""
        ended = sum(tally.endings.values())
        match name:
            case "goodput":
                return tally.good / self.until
            case "failures":
                return 1 - tally.endings["ok"] / ended if ended else None
            case "attempts":
                return tally.attempts / ended if ended else None
            case "mean" | "max":
                return tally.latency.as_json()[name]
        return tally.latency.quantile(float(name[1:]) / 100) if tally.latency.count else None

    def _check(self, one: Expectation) -> Check:
        tally = self.tally.clients[one.client] if one.client else self.tally.total
        value = self.measure(tally, one.measure)
        return Check(text=one.text, value=value, ok=value is not None and _COMPARE[one.compare](value, one.bound))

    def _lost(self) -> list[str]:
        return [
            f"worker {one.share + 1} of {len(self.workers)} was lost {one.lost:.1f} s after the start: "
            + (f"{one.reported} requests of its users were reported" if one.planned is None else _fate(one))
            for one in self.workers
            if one.lost is not None
        ]

    def _late(self) -> list[str]:
        late, allowed = self.tally.total.lateness.quantile(0.99), self.job.settings.late
        if not late > allowed:
            return []
        return [
            f"requests started {late * 1000:.0f} ms late (99th percentile; {allowed * 1000:.0f} ms are accepted): the "
            "load generator could not keep its schedule; lower the rate or take more workers"
        ]

    def _short(self) -> list[str]:
        there = [one for one in self.workers if one.lost is None]
        dropped, under_way = sum(one.dropped for one in there), sum(one.under_way for one in there)
        reasons = []
        if dropped or (under_way and self.stopped is None):
            reasons.append(f"{dropped} requests were not sent, {under_way} had no ending when the run was over")
        due = self.due
        if due and self.stopped is None and len(there) == len(self.workers) and self.tally.in_time < FEWEST * due:
            reasons.append(f"only {self.tally.in_time / due:.1%} of the {due} requests that were due were sent in time")
        return reasons

    def _clocks(self) -> list[str]:
        return [
            f"the clock of worker {one.share + 1} is {abs(one.clock):.1f} s "
            f"{'ahead of' if one.clock > 0 else 'behind'} the master's: let the machines keep the same time (NTP)"
            for one in self.workers
            if not -CLOCKS < one.clock < CLOCKS
        ]


def _fate(one: WorkerReport) -> str:
    unknown = (one.planned or 0) - one.reported
    return f"{one.reported} of its {one.planned} requests were reported, nothing is known of the other {unknown}"


def expectations(text: str, clients: Sequence[str]) -> list[Expectation]:
    """``p99<0.25, kv-reader.failures<=0.01``: bounds separated by commas.

    Measures are p50, p90, p99.9 and so on, mean and max (s, of successes, from the intended start), failures (share of
    the requests that ended), goodput (successes per s), attempts (per request).

    Raises:
        BadInput: one cannot be read, or is about a client that is not there.
    """
    return [_expectation(one.strip(), clients) for one in text.split(",") if one.strip()]


def _expectation(text: str, clients: Sequence[str]) -> Expectation:
    found = _EXPECTATION.fullmatch(text)
    if found is None:
        raise BadInput(f"--expect {text!r}: write a measure, < or >, and a number, for example p99<0.25")
    client, measure, compare, bound = found.groups()
    if client and client not in clients:
        raise BadInput(f"--expect {text!r}: there is no client {client!r}; there is: {', '.join(clients)}")
    quantile = re.fullmatch(r"p(\d+(\.\d+)?)", measure)
    if measure not in ("goodput", "failures", "attempts", "mean", "max") and (not quantile or float(quantile[1]) > 100):
        known = "p50, p99, p99.9 …, mean, max, failures, goodput, attempts"
        raise BadInput(f"--expect {text!r}: there is no measure {measure!r}; there is: {known}")
    try:
        return Expectation(text=text, client=client or "", measure=measure, compare=compare, bound=float(bound))
    except ValueError:
        raise BadInput(f"--expect {text!r}: {bound!r} is no number") from None


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Everything that ``load.json`` holds."""
    tally, scenario = outcome.tally, outcome.job.scenario
    due = outcome.due
    return {
        "title": scenario.title,
        "started": outcome.started,
        "loop": "closed" if outcome.closed else "open",
        "settings": asdict(outcome.job.settings),
        "seed": outcome.job.settings.seed,
        "duration": outcome.until,
        "stopped": outcome.stopped,
        "status": outcome.status,
        "void": outcome.void,
        "checks": [asdict(one) for one in outcome.checks],
        "due": due,
        "sent_in_time": tally.in_time,
        "offered_ratio": tally.in_time / due if due else None,
        "total": tally.total.as_json() | {"goodput": outcome.measure(tally.total, "goodput")},
        "clients": {
            name: one.as_json() | {"goodput": outcome.measure(one, "goodput")} for name, one in tally.clients.items()
        },
        "workers": [asdict(one) for one in outcome.workers],
    }


def write(outcome: Outcome, folder: Path) -> Path:
    """Write the results into ``folder``; the path of the page among them."""
    from stormlab.report.load_page import write_page  # what draws takes as long to import as all the rest

    folder.mkdir(parents=True, exist_ok=True)
    plain = as_json(outcome)
    series = [outcome.tally.seconds.row(second) for second in range(outcome.tally.seconds.last + 1)]
    _tell_what_was_due(series, outcome)
    (folder / "scenario.toml").write_text(loader.dump(outcome.job.scenario), encoding="utf-8")
    (folder / "load.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    _write_csv(folder / "series.csv", series)
    _write_csv(folder / "quantiles.csv", list(_quantiles(outcome.tally.clients | {"all": outcome.tally.total})))
    _write_histograms(folder / "latency.hlog", outcome)
    _write_junit(folder / "junit.xml", outcome)
    if outcome.tally.kept is not None:
        np.savez_compressed(
            folder / "requests.npz", **_columns(outcome.tally.kept), clients=list(outcome.tally.clients)
        )
    return write_page(plain, series, folder)


def _tell_what_was_due(series: Sequence[dict[str, float | str]], outcome: Outcome) -> None:
    """In an open loop that is known, also of requests that were never sent or whose worker was lost."""
    if outcome.closed:
        return
    job = outcome.job
    times = np.concatenate([arrival_times(job.scenario, name, job.settings.seed) for name in job.scenario.clients])
    counts = np.bincount(times[times < outcome.until].astype(int), minlength=len(series))
    for row, count in zip(series, counts.tolist(), strict=False):
        row["offered"] = count


def _columns(kept: list[Rows]) -> Mapping[str, Any]:
    return Rows.joined(kept).as_columns() if kept else {}


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _quantiles(tallies: Mapping[str, ClientTally]) -> list[dict[str, object]]:
    kinds = ("latency", "service", "lateness")
    found = {name: {kind: getattr(tally, kind).as_json() for kind in kinds} for name, tally in tallies.items()}
    return [
        {"client": name, "quantile": label} | {f"{kind}_s": times[kind][label] for kind in kinds}
        for name, times in found.items()
        for label in map(label_of, QUANTILES)
    ]


def _write_histograms(path: Path, outcome: Outcome) -> None:
    """In the format of HdrHistogram's log, for its own tools: a line per client, tagged with its name; values in µs."""
    with path.open("w", encoding="utf-8") as file:
        log = HistogramLogWriter(file)
        log.output_comment("[stormlab: latency in us of successful requests, from their intended start]")
        log.output_log_format_version()
        log.output_legend()
        for name, tally in outcome.tally.clients.items():
            histogram = tally.latency.histogram
            most, payload = histogram.get_max_value() / 1000, histogram.encode().decode()
            file.write(f"Tag={name},0.000,{outcome.until:.3f},{most:.3f},{payload}\n")


def _write_junit(path: Path, outcome: Outcome) -> None:
    suite = ElementTree.Element("testsuite", name="load", time=f"{outcome.until:.3f}")
    void = ElementTree.SubElement(suite, "testcase", classname="load", name="the run counts")
    if outcome.void:
        ElementTree.SubElement(void, "error", message="void: " + "; ".join(outcome.void))
    for check in outcome.checks:
        case = ElementTree.SubElement(suite, "testcase", classname="load", name=check.text)
        if not check.ok:
            ElementTree.SubElement(case, "failure", message=f"{check.text} does not hold: {check.value}")
    counts = {"tests": 1 + len(outcome.checks), "errors": int(bool(outcome.void))}
    counts["failures"] = sum(not one.ok for one in outcome.checks)
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def summary(outcome: Outcome) -> str:
    """A few lines for the terminal."""
    total = outcome.tally.total
    latency = total.latency.as_json()
    ended = sum(total.endings.values())
    failures = ", ".join(f"{count} {word}" for word, count in sorted(total.endings.items()) if word != "ok")
    late = total.lateness.quantile(0.99)
    lines = [
        outcome.job.scenario.title,
        f"{ended} requests in {outcome.until:g} s, {total.endings['ok']} ok" + (f", {failures}" if failures else ""),
        "latency from the intended start (ms): "
        + ", ".join(f"{name} {value * 1000:.2f}" for name, value in latency.items() if value is not None),
        f"lateness of the generator (ms): p99 {late * 1000:.2f}",
        *(f"{'✓' if one.ok else '✗'} {one.text} ({'nothing was measured' if one.value is None else f'{one.value:.4g}'})"
          for one in outcome.checks),
        *(f"✗ VOID: {reason}" for reason in outcome.void),
    ]  # fmt: skip
    return "\n".join(lines)
