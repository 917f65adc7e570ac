"""Doses from hand-made observations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stormlab.live.doses import doses, silence
from stormlab.live.observers import Probe, Reading
from stormlab.live.plan import Rows
from stormlab.scenario.disturbances import Through
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Dose


def rows(sent: Any) -> Rows:
    at = np.asarray(sent, dtype=float)
    counts = np.ones(len(at), dtype=np.int64)
    return Rows(intended=at, sent=at, ended=at, tries=at, ending=0 * counts, attempts=counts, unfinished=0, dropped=0)


def scenario(**fault: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "a test",
            "run": {"duration": 60},
            "services": {"kv": {"workers": 10, "service_time": {"kind": "fixed", "mean": 0.1}, "replicas": 2}},
            "clients": {"web": {"target": "kv", "arrivals": {"kind": "paced", "rate": 20}}},
            "faults": [{"at": 10, "for": 10, "target": "kv", **fault}],
        }
    )


def only(described: Scenario, **seen: Any) -> Dose:
    usual: dict[str, Any] = {"rows": {"web": rows([])}, "readings": [], "probes": [], "hits": {}}
    (dose,) = doses(described, **(usual | seen))
    return dose


def probes(direct: float | None, proxied: float | None, first: float = 10, last: float = 20) -> list[Probe]:
    return [Probe("kv", float(at), direct, proxied) for at in np.arange(first, last, 0.1)]


def test_a_spike_is_what_was_really_sent_while_it_lasted() -> None:
    spike = scenario(kind="load-spike", target="web", factor=3)
    sent = [*np.arange(0, 10, 0.05), *np.arange(10, 20, 1 / 60), *np.arange(20, 30, 0.05)]
    dose = only(spike, rows={"web": rows(sent)})
    assert dose.asked == pytest.approx(60)
    assert dose.observed == pytest.approx(60, rel=0.01)
    assert dose.ok
    weak = only(spike, rows={"web": rows(np.arange(0, 30, 0.05))})
    assert weak.observed == pytest.approx(20, rel=0.01)
    assert not weak.ok


def test_a_capacity_cut_is_what_the_replicas_report_together() -> None:
    cut = scenario(kind="capacity", speed=0.25)

    def reading(bin_: int, capacity: float) -> Reading:
        return Reading("kv", bin_, 0, 0, capacity, 1, 0, 0, 0, 0, 0, 0)

    seen = [reading(bin_, 50 if 10 <= bin_ < 19 else 200) for bin_ in range(30)]
    dose = only(cut, readings=seen)
    assert (dose.asked, dose.observed, dose.ok) == (50, 50, True)
    assert not only(cut, readings=[reading(bin_, 200) for bin_ in range(30)]).ok


@pytest.mark.parametrize(("injected", "ok"), [(300, True), (150, False)])
def test_errors_are_a_share_of_the_requests_that_could_be_hit(injected: int, ok: bool) -> None:  # noqa: FBT001
    dose = only(scenario(kind="error", probability=0.3), hits={"error kv": (1000, injected)})
    assert (dose.asked, dose.observed, dose.ok) == (0.3, injected / 1000, ok)


def test_errors_that_hit_nothing_are_no_dose() -> None:
    assert not only(scenario(kind="error", probability=0.3)).ok


def test_latency_is_what_the_way_through_the_proxy_takes_longer() -> None:
    slow = scenario(kind="latency", latency=0.2)
    assert only(slow, probes=probes(0.002, 0.203)).observed == pytest.approx(0.201)
    assert only(slow, probes=probes(0.002, 0.203)).ok
    assert not only(slow, probes=probes(0.002, 0.003)).ok


@pytest.mark.parametrize("kind", ["down", "timeout", "reset-peer"])
def test_a_broken_path_answers_nothing(kind: str) -> None:
    assert only(scenario(kind=kind), probes=probes(0.002, None)).ok
    assert not only(scenario(kind=kind), probes=probes(0.002, 0.003)).ok


def test_a_paused_service_answers_nothing_even_directly() -> None:
    assert only(scenario(kind="pause"), probes=probes(None, None)).ok
    assert not only(scenario(kind="pause"), probes=probes(0.002, None)).ok


def test_a_stop_lasts_until_the_first_answer() -> None:
    gone = probes(None, None, 10, 20.3) + probes(0.002, 0.003, 20.3, 30)
    dose = only(scenario(kind="stop"), probes=gone)
    assert dose.observed == pytest.approx(10.3)
    assert dose.ok
    late = only(scenario(kind="stop"), probes=probes(None, None, 10, 23) + probes(0.002, 0.003, 23, 30))
    assert not late.ok


@pytest.mark.parametrize(("observed", "ok"), [(0.5, True), (0.0, False)])
def test_an_isolation_is_the_share_of_the_replicas_that_were_cut_off(observed: float, ok: bool) -> None:  # noqa: FBT001
    dose = only(scenario(kind="isolate", share=0.4), isolated={"isolate kv": observed})
    assert (dose.asked, dose.observed, dose.ok) == (0.4, observed, ok)


def test_what_operators_did_counts_from_when_they_got_through() -> None:
    through = scenario(kind="capacity", workers=20)
    added = through.faults[0].model_copy(update={"through": Through(service="kv"), "lasting": None})
    added_later = through.model_copy(update={"faults": (), "interventions": (added,)})
    seen = [Reading("kv", bin_, 0, 0, 400 if bin_ >= 30 else 200, 1, 0, 0, 0, 0, 0, 0) for bin_ in range(60)]
    assert only(added_later, readings=seen, achieved={"capacity kv": 30.0}).ok
    assert not doses(added_later, rows={"web": rows([])}, readings=seen, probes=[], hits={})


def test_a_service_that_got_no_processor_makes_a_run_void() -> None:
    paused = scenario(kind="pause")
    seen = [Reading("kv", bin_, 0, 0, 200, 1, 0, 0, 0, 0, 0, 0) for bin_ in range(60)]
    assert list(silence(paused, seen, [("kv", bin_) for bin_ in range(10, 20)])) == []
    (reason,) = silence(paused, seen, [("kv", bin_) for bin_ in range(30, 50)])
    assert reason.startswith("service kv: no answer to 33% of the questions how it was (20% are accepted)")
