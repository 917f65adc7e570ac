"""What clients and services report ends up in the right bin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stormlab.outcome import Ending
from stormlab.scenario.recorder import SAMPLE, CallSample, ClientLog, Recorder, active_faults, write_calls
from tests.scenario.building import SPIKE, scenario

TWO = {"cron": {"target": "kv", "arrivals": {"kind": "paced", "rate": 1}}}


def test_requests_are_counted_by_their_start_and_by_their_end() -> None:
    recorder = Recorder(scenario(run={"duration": 5}))
    log = recorder.clients["web"]
    log.offered[0] += 2
    log.attempts[0] += 3
    log.ended(0.9, 2.5, Ending.OK, 1)
    log.ended(0.2, 1.2, Ending.TIMEOUT, 2)
    series = recorder.series()
    assert len(series) == 5
    assert series["offered"].tolist() == [2, 0, 0, 0, 0]
    assert series["attempts"].tolist() == [3, 0, 0, 0, 0]
    assert series["succeeded"].tolist() == [1, 0, 0, 0, 0]
    assert series["goodput"].tolist() == [0, 0, 1, 0, 0]
    assert series["failed.timeout"].tolist() == [0, 1, 0, 0, 0]
    assert series["latency.p99"][2] == 1.6
    assert np.isnan(series["latency.p50"][0])


def test_a_request_that_ends_after_the_run_still_counts_as_a_success_of_its_start() -> None:
    recorder = Recorder(scenario(run={"duration": 5}))
    recorder.clients["web"].ended(4.9, 5.3, Ending.OK, 1)
    recorder.clients["web"].ended(4.9, 1e9, Ending.OK, 1)
    series = recorder.series()
    assert series["succeeded"].sum() == 2
    assert series["goodput"].sum() == 0


def test_totals_are_sums_and_several_clients_have_columns_of_their_own() -> None:
    recorder = Recorder(scenario(run={"duration": 2}, clients=TWO))
    for name, count in (("web", 5), ("cron", 1)):
        recorder.clients[name].offered[1] = count
    series = recorder.series()
    assert series["offered"].tolist() == [0, 6]
    assert series["client.web.offered"].tolist() == [0, 5]
    assert series["client.cron.offered"].tolist() == [0, 1]
    assert "client.web.offered" not in Recorder(scenario()).series()


def test_service_gauges_are_kept_and_counts_become_rates() -> None:
    recorder = Recorder(scenario(run={"duration": 3}))
    log = recorder.services["kv"]
    log.sample(-1, queue=9, busy=9, capacity=9, counts=(9, 9, 9))
    log.sample(0, queue=1, busy=2, capacity=100, counts=(10, 0, 1))
    log.sample(1, queue=3, busy=2, capacity=50, counts=(25, 5, 1))
    series = recorder.series()
    assert series["service.kv.queue"][:2].tolist() == [1, 3]
    assert series["service.kv.capacity"][:2].tolist() == [100, 50]
    assert series["service.kv.completions"][:2].tolist() == [10, 15]
    assert series["service.kv.rejected"][:2].tolist() == [0, 5]
    assert series["service.kv.wasted"][:2].tolist() == [1, 0]
    assert np.isnan(series["service.kv.queue"][2])


def test_a_part_of_a_second_has_a_bin() -> None:
    recorder = Recorder(scenario(run={"duration": 2.5}))
    recorder.clients["web"].ended(2.4, 2.45, Ending.OK, 1)
    assert recorder.series()["succeeded"].tolist() == [0, 0, 1]


def test_samples_of_calls_are_bounded_and_spread_over_the_run() -> None:
    log = ClientLog("web", 10_000, expected=0)
    for number in range(9_999):
        log.ended(number, number + 0.5, Ending.OK, 1)
    assert SAMPLE / 2 <= len(log.calls) <= 2 * SAMPLE
    assert log.calls[0].intended < 10
    assert log.calls[-1].intended > 9_900


def test_calls_of_all_clients_are_written_by_their_start(tmp_path: Path) -> None:
    recorder = Recorder(scenario(clients=TWO))
    recorder.clients["web"].ended(2.0, 2.5, Ending.OK, 1)
    recorder.clients["cron"].ended(1.0, 2.0, Ending.REFUSED, 4)
    write_calls(tmp_path / "calls.csv", recorder.calls())
    assert (tmp_path / "calls.csv").read_text(encoding="utf-8") == (
        ",".join(CallSample._fields)
        + "\ncron,1.000000,2.000000,1.000000,refused,4\nweb,2.000000,2.500000,0.500000,ok,1\n"
    )


def test_faults_are_named_in_every_bin_they_touch() -> None:
    faulty = scenario(
        run={"duration": 6},
        faults=[{**SPIKE, "name": "spike", "at": 1.5, "for": 2}],
        interventions=[{"kind": "block", "target": "web", "at": 3}],
    )
    assert active_faults(faulty, 6) == ("", "spike", "spike", "spike+block web", "block web", "block web")
