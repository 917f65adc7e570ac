"""Load tests with real processes: many workers are one, one that dies is told of, a stall is measured as it was."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from tests.live.programs import alive
from tests.loadtests.playing import ROOT, Loaded, Played, playing
from tools.waiting import wait_for

pytestmark = pytest.mark.live

ONE, FOUR = "one", "four"
#: When the server stalls after the first request, and for how long; how often requests come; in s.
STALL_AT, STALL, EVERY, LENGTH = 1.5, 1.0, 0.01, 4.0


class Split(NamedTuple):
    runs: dict[str, Played]
    servers: dict[str, Loaded]
    killed: Played
    victim: int


def workers(pid: int) -> list[int]:
    """The workers that a load test started."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if b"--worker\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    """The same load from one process and from four workers, and another from two of which one is killed."""
    folder = tmp_path_factory.mktemp("split")
    common = ["--fill", "no", "--keys", "50", "--seed", "7", "KvReader", "KvMixed"]
    with playing() as (serve, play):
        servers = {name: serve() for name in (ONE, FOUR, "killed")}
        killed = play(
            folder / "killed", "-H", servers["killed"].url, "-t", "12s", "--rate", "40", "--workers", "2", *common
        )
        # by then it has reported, once a second, and is far from its end
        wait_for(lambda: sum(servers["killed"].seen().values()) > 140, seconds=90.0, what="load on the server")
        victim = workers(killed.process.pid)[1]
        os.kill(victim, signal.SIGKILL)
        runs = {
            name: play(folder / name, "-H", servers[name].url, "-t", "3s", "--rate", "60", *words, *common)
            for name, words in ((ONE, []), (FOUR, ["--workers", "4"]))
        }
        yield Split(runs, servers, killed, victim)


def test_four_workers_send_the_requests_of_one_at_the_same_times(split: Split) -> None:
    assert [run.status() for run in split.runs.values()] == [0, 0], split.runs[FOUR].said()
    rows = [run.rows() for run in split.runs.values()]
    sent = [set(zip(*(one[name].tolist() for name in ("client", "number", "intended")), strict=True)) for one in rows]
    assert len(sent[0]) == len(rows[0]["intended"]) > 100
    assert sent[0] == sent[1]
    asked = [{path: n for path, n in server.seen().items() if path != "GET /seen"} for server in split.servers.values()]
    assert asked[0] == asked[1]
    workers = split.runs[FOUR].results()["workers"]
    assert len(workers) == 4 and all(0 < one["planned"] == one["reported"] for one in workers)


def test_a_killed_worker_is_reported_and_the_run_ends_cleanly(split: Split) -> None:
    members = workers(split.killed.process.pid)
    assert split.killed.status() == 3, split.killed.said()
    results = split.killed.results()
    (lost,) = [one for one in results["workers"] if one["lost"] is not None]
    assert 0 < lost["reported"] < lost["planned"]
    assert all(one["reported"] == one["planned"] for one in results["workers"] if one is not lost)
    words = f"worker {lost['share'] + 1} of 2 was lost"
    assert len(results["void"]) == 1 and words in results["void"][0] and words in split.killed.said()
    assert f"{lost['reported']} of its {lost['planned']} requests were reported" in results["void"][0]
    assert not any(alive(pid) for pid in members)


class Stalled(NamedTuple):
    open: Played
    closed: Played


@pytest.fixture(scope="module")
def stalled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stalled]:
    """A server that stands still for a while, loaded in both ways."""
    folder = tmp_path_factory.mktemp("stalled")
    common = ["--fill", "no", "KvReader"]
    with playing() as (serve, play):
        servers = [serve(stall_at=STALL_AT, stall_for=STALL) for _ in range(2)]
        rate = ["--rate", str(1 / EVERY), "--arrivals", "paced"]
        open_ = play(folder / "open", "-H", servers[0].url, *rate, "-t", f"{LENGTH:g}s", *common)
        user = ["--loop", "closed", "-u", "1", "--think-time", str(EVERY)]
        closed = play(folder / "closed", "-H", servers[1].url, *user, "-t", f"{2 * LENGTH:g}s", *common)
        assert [open_.status(), closed.status()] == [0, 0]
        yield Stalled(open_, closed)


class Met(NamedTuple):
    """The stall as a load met it, whatever else held the machine up: from when the slowest request was due until it
    was answered; and the requests that were due meanwhile."""

    began: float
    ended: float
    due: np.ndarray[Any, Any]


def met(rows: dict[str, np.ndarray[Any, Any]]) -> Met:
    slowest = int(np.argmax(rows["ended"] - rows["intended"]))
    began, ended = float(rows["intended"][slowest]), float(rows["ended"][slowest])
    return Met(began, ended, (rows["intended"] > began) & (rows["intended"] < ended))


def test_an_open_loop_measures_the_stall_as_everybody_met_it(stalled: Stalled) -> None:
    """Those due in the stall wait for what is left of it, and so the latencies say."""
    rows = stalled.open.rows()
    waits, stall = rows["ended"] - rows["intended"], met(rows)
    length = stall.ended - stall.began
    assert length >= STALL - 2 * EVERY
    assert stall.due.sum() == pytest.approx(length / EVERY, rel=0.05)
    left = stall.ended - rows["intended"][stall.due]
    assert waits[stall.due].mean() == pytest.approx(left.mean(), rel=0.3)
    latency = stalled.open.results()["total"]["latency"]
    assert latency["max"] == pytest.approx(length, rel=0.01)
    for label, q in (("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        assert latency[label] == pytest.approx(np.quantile(waits, q), rel=0.05), label
        assert latency[label] >= 0.9 * (STALL - (1 - q) * LENGTH), label


def test_a_closed_loop_omits_nearly_all_of_it(stalled: Stalled) -> None:
    """The one user waits through the stall once; correcting for the requests that should have come shows it again."""
    rows = stalled.closed.rows()
    latency, stall = stalled.closed.results()["total"]["latency"], met(rows)
    assert latency["max"] >= 0.9 * STALL
    assert stall.due.sum() == 0 and latency["p99"] < STALL / 5
    corrected = corrected_for_omission(rows, EVERY)
    assert corrected.get_value_at_percentile(95) / 1e6 >= STALL / 2


def test_an_open_loop_keeps_its_schedule_whatever_the_server_does(stalled: Stalled) -> None:
    rows = stalled.open.rows()
    assert stalled.open.results()["offered_ratio"] >= 0.99
    stall = met(rows)
    sent = (rows["sent"] > stall.began) & (rows["sent"] < stall.ended)
    assert sent.sum() == pytest.approx(stall.due.sum(), rel=0.1)
    assert np.median(rows["sent"] - rows["intended"]) < 0.01


def test_a_closed_loop_asks_for_less_when_answers_are_slow(stalled: Stalled) -> None:
    rows = stalled.closed.rows()
    slow = int(np.argmax(rows["ended"] - rows["sent"]))
    began, ended = rows["sent"][slow], rows["ended"][slow]
    during = int(((rows["sent"] > began) & (rows["sent"] < ended)).sum())
    before = int((rows["sent"] < began).sum()) / began
    assert during == 0 and before > 0.2 / EVERY


def corrected_for_omission(rows: dict[str, np.ndarray[Any, Any]], every: float) -> HdrHistogram:
    """HdrHistogram's own correction: a value longer than the interval stands for those that were not measured."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for seconds in (rows["ended"] - rows["intended"]).tolist():
        histogram.record_corrected_value(int(seconds * 1e6), int(every * 1e6))
    return histogram


def test_beyond_capacity_an_open_loop_stays_on_schedule_and_a_closed_one_does_not(tmp_path: Path) -> None:
    """A service of 50 requests a second, one after the other, asked for 100 in an open loop and by five users."""
    common = ["-t", "3s", "--fill", "no", "--policies", "", "KvReader"]
    with playing() as (serve, play):
        first, second = serve(service=0.02), serve(service=0.02)
        open_ = play(tmp_path / "open", "-H", first.url, "--rate", "100", "--arrivals", "paced", *common)
        closed = play(tmp_path / "closed", "-H", second.url, "--loop", "closed", "-u", "5", *common)
        assert [open_.status(), closed.status()] == [0, 0], open_.said() + closed.said()
    offered, answered = open_.results(), closed.results()
    assert offered["offered_ratio"] == pytest.approx(1.0, abs=0.01) and offered["due"] == 300
    assert offered["total"]["goodput"] < 55 and offered["total"]["latency"]["p99"] > 2
    assert answered["sent_in_time"] / 3 < 55 and answered["total"]["latency"]["p95"] < 1


def test_a_class_of_ones_own_loads_another_system(tmp_path: Path) -> None:
    """The one of the page about load tests."""
    page = (ROOT / "docs" / "load-testing.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python notest\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    mine = tmp_path / "mine.py"
    mine.write_text(code, encoding="utf-8")
    with playing() as (serve, play):
        server = serve()
        which = ["-f", f"loadtests/locustfile.py,{mine}", "Shop"]
        load = play(tmp_path / "shop", "-H", server.url, "--rate", "100", "-t", "3s", *which)
        assert load.status() == 0, load.said()
        seen = {path: count for path, count in server.seen().items() if path != "GET /seen"}
    assert list(load.results()["clients"]) == ["shop"]
    assert 0.7 < seen["GET /"] / sum(seen.values()) < 0.9
    assert all(path == "GET /" or re.fullmatch(r"GET /item/\d\d?", path) for path in seen)
