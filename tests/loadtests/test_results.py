"""Slices add up to results: quantiles, what makes a run void, what is expected, and the files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadtests import results
from loadtests.journal import Journal, Slice
from loadtests.options import Settings
from loadtests.plan import Job, Role, part_of, scenario_of
from loadtests.results import Outcome, WorkerReport, expectations
from loadtests.tally import LONGEST, Latencies, Tally
from stormlab.errors import BadInput
from stormlab.outcome import Ending

SETTINGS = Settings(rate=200.0, duration=5.0, expect="p99<0.2, kv-reader.failures<0.2, goodput>10, attempts<1.5")
SCENARIO = scenario_of(SETTINGS, [Role("kv-reader", 1), Role("fibonacci", 1)])


def played(*, late: float = 0.0, workers: int = 2, lose: int | None = None, settings: Settings = SETTINGS) -> Outcome:
    """A load whose every tenth request fails and whose others take 1 to 100 ms, from ``workers`` that report twice."""
    job = Job(scenario=SCENARIO, settings=settings, epoch=0.0, told=0.0, shares={f"w{n}": n for n in range(workers)})
    tally = Tally(list(SCENARIO.clients), keep_rows=True)
    reports = []
    for share in range(workers):
        journal, planned, reported = Journal(), 0, 0
        for place, client in enumerate(SCENARIO.clients):
            part = part_of(SCENARIO, client, 1, share=share, of=workers)
            planned += len(part.numbers)
            for number, at in zip(part.numbers.tolist(), part.intended.tolist(), strict=True):
                if share == lose and at > 2.0:
                    continue
                ending = Ending.OVERLOADED if number % 10 == 0 else Ending.OK
                sent = at + late
                journal.note(place, number, at, sent, sent + 0.001 * (1 + number % 100), ending, 1)
                journal.attempts[int(sent)] += 1
                reported += 1
                if number % 50 == 0:
                    tally.add(share, Slice.unpacked(journal.take(done=False).packed()), end=5.0, late=0.1)
        tally.add(share, journal.take(done=True), end=5.0, late=0.1)
        lost = 2.5 if share == lose else None
        reports.append(WorkerReport(share=share, planned=planned, reported=reported, lost=lost))
    return Outcome(job=job, tally=tally, workers=reports, stopped=None, started="2026-01-01T00:00:00+00:00")


def test_a_load_that_kept_its_schedule_counts() -> None:
    outcome = played()
    plain = results.as_json(outcome)
    assert outcome.void == [] and outcome.status == 0
    assert plain["due"] == plain["total"]["ended"] == plain["sent_in_time"]
    assert plain["total"]["latency"]["p50"] == pytest.approx(0.05, rel=0.1)
    assert plain["total"]["endings"]["ok"] == pytest.approx(0.9 * plain["due"], rel=0.02)
    assert all(one.ok for one in outcome.checks)


def test_any_number_of_workers_gives_the_same_figures() -> None:
    one, four = played(workers=1), played(workers=4)
    plain, again = results.as_json(one), results.as_json(four)
    assert plain["total"] == again["total"] and plain["clients"] == again["clients"]
    assert one.tally.seconds.row(2) == four.tally.seconds.row(2)


def test_goodput_is_what_succeeded_before_the_end() -> None:
    slow = played(late=2.5)
    goodput, whole = results.as_json(slow)["total"]["goodput"], slow.tally.total.endings["ok"] / 5
    assert 0.3 * whole < goodput < 0.7 * whole


def test_being_late_voids() -> None:
    outcome = played(late=0.15)
    assert outcome.status == 3 and "150 ms late" in outcome.void[0]
    assert played(late=0.05).void == []


def test_latency_counts_from_the_intended_start() -> None:
    late = results.as_json(played(late=0.05))["total"]
    assert late["latency"]["p50"] - late["service"]["p50"] == pytest.approx(0.05, abs=0.001)


def test_a_lost_worker_voids_and_its_share_is_told() -> None:
    outcome = played(workers=4, lose=2)
    lost = outcome.workers[2]
    assert outcome.status == 3 and lost.planned is not None and 0 < lost.reported < lost.planned
    assert f"worker 3 of 4 was lost 2.5 s after the start: {lost.reported} of its {lost.planned}" in outcome.void[0]


def test_requests_that_were_not_sent_void() -> None:
    outcome = played()
    first, second = outcome.workers
    dropped = replace(outcome, workers=[replace(first, dropped=7), second])
    assert dropped.void == ["7 requests were not sent, 0 had no ending when the run was over"]
    missing = replace(outcome, workers=[replace(first, planned=(first.planned or 0) + 100), second])
    assert len(missing.void) == 1 and "were due were sent in time" in missing.void[0]


@pytest.mark.parametrize(("clock", "words"), [(0.3, "0.3 s ahead of the master"), (-2.0, "2.0 s behind the master")])
def test_clocks_that_differ_void(clock: float, words: str) -> None:
    outcome = played()
    reports = [replace(outcome.workers[0], clock=clock), outcome.workers[1]]
    assert [words in reason for reason in replace(outcome, workers=reports).void] == [True]


def test_what_does_not_hold_is_status_1() -> None:
    outcome = played(settings=replace(SETTINGS, expect="p99<0.01"))
    assert outcome.status == 1 and not outcome.checks[0].ok


@pytest.mark.parametrize(
    ("text", "words"),
    [("p99=3", "write a measure"), ("x.p99<1", "no client 'x'"), ("speed<1", "no measure 'speed'"),
     ("p101<1", "no measure"), ("p99<1e", "no number")],
)  # fmt: skip
def test_expectations_that_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        expectations(text, ["kv-reader"])


def test_the_files(tmp_path: Path) -> None:
    outcome = played(workers=3, lose=1)
    page = results.write(outcome, tmp_path)
    assert "worker 2 of 3 was lost" in page.read_text() and "<svg" in page.read_text()
    plain: dict[str, Any] = json.loads((tmp_path / "load.json").read_text())
    assert plain["status"] == 3
    rows = list(csv.DictReader((tmp_path / "series.csv").open()))
    assert sum(int(row["offered"]) for row in rows) == plain["due"]
    assert sum(int(row["goodput"]) for row in rows) == plain["total"]["endings"]["ok"]
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("5", "1", "0")
    kept = np.load(tmp_path / "requests.npz")
    assert len(kept["intended"]) == plain["total"]["ended"] and kept["clients"].tolist() == list(SCENARIO.clients)
    quantiles = {(row["client"], row["quantile"]): float(row["latency_s"]) for row in
                 csv.DictReader((tmp_path / "quantiles.csv").open())}  # fmt: skip
    assert quantiles["all", "p99"] == plain["total"]["latency"]["p99"]


def test_the_histogram_log_is_one(tmp_path: Path) -> None:
    outcome = played()
    results.write(outcome, tmp_path)
    whole = HdrHistogram(1, LONGEST, 3)
    reader = HistogramLogReader(str(tmp_path / "latency.hlog"), whole)
    count = 0
    while reader.add_next_interval_histogram() is not None:
        count += 1
    assert count == len(SCENARIO.clients)
    assert whole.get_value_at_percentile(99) / 1e6 == outcome.tally.total.latency.quantile(0.99)


def test_quantiles_are_exact_to_three_digits() -> None:
    values = np.random.default_rng(1).lognormal(-4, 2, 20_000)
    latencies = Latencies()
    for part in np.array_split(values, 7):
        latencies.record(part)
    for q in (0.5, 0.9, 0.99, 0.999):
        assert latencies.quantile(q) == pytest.approx(np.quantile(values, q, method="inverted_cdf"), rel=2e-3)
    assert np.isnan(Latencies().quantile(0.5))
