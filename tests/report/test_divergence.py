"""Divergence, against numbers worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stormlab.report import divergence
from stormlab.report.divergence import Divergence, agree, divergences, phases
from stormlab.scenario.result import Result
from stormlab.scenario.series import Series


def flat(result: Result, world: str, **columns: float | list[float]) -> Result:
    """A run whose columns are constant, or one value in each of baseline (up to 15 s), fault and after (from 25 s)."""
    made = {}
    for name in result.series.columns:
        value = columns.get(name.replace(".", "_"), 1.0)
        levels = value if isinstance(value, list) else [value] * 3
        made[name] = np.repeat(np.array(levels), [15, 10, 55])
    return replace(result, world=world, series=Series(columns=made, faults=result.series.faults))


def found(sim: Result, live: Result) -> dict[tuple[str, str], Divergence]:
    return {(one.measure, one.phase): one for one in divergences([sim, live])}


def test_bins_near_transitions_are_left_out(storm: Result) -> None:
    kept = phases(storm.scenario, 80)
    assert kept["baseline"].tolist() == [5, 6, 7, 8, 9], "from the warm-up to 5 s before the spike at 15 s"
    assert kept["fault"].tolist() == [], "no second of a 10 s spike is 10 s after its start"
    assert kept["after"].tolist() == list(range(35, 80)), "from 10 s after the end of the spike at 25 s"


def test_a_long_fault_is_compared_in_its_middle(storm: Result) -> None:
    spike = storm.scenario.faults[0].model_copy(update={"lasting": 30.0})
    scenario = storm.scenario.model_copy(update={"faults": (spike,)})
    assert phases(scenario, 80)["fault"].tolist() == list(range(25, 40))


def test_interventions_are_transitions_too(storm: Result) -> None:
    remedy = storm.scenario.faults[0].model_copy(update={"at": 50.0, "lasting": None})
    scenario = storm.scenario.model_copy(update={"interventions": (remedy,)})
    assert phases(scenario, 80)["after"].tolist() == [*range(35, 45), *range(60, 80)]


def test_the_difference_is_relative_to_the_simulation(storm: Result) -> None:
    one = found(flat(storm, "sim", goodput=60.0), flat(storm, "live", goodput=66.0))[("goodput", "baseline")]
    assert one.relative == pytest.approx(0.1)
    assert (one.sim, one.live, one.bins, one.ok) == (60.0, 66.0, 5, True)


def test_goodput_that_is_gone_is_held_against_a_share_of_the_baseline(storm: Result) -> None:
    sim = flat(storm, "sim", goodput=[60.0, 0.0, 0.0])
    close = found(sim, flat(storm, "live", goodput=[60.0, 0.0, 0.3]))[("goodput", "after")]
    assert close.relative == pytest.approx(0.3 / (0.05 * 60.0))
    far = found(sim, flat(storm, "live", goodput=[60.0, 0.0, 6.0]))[("goodput", "after")]
    assert far.relative == pytest.approx(2.0)
    assert far.ok is False


def test_queues_are_held_against_the_number_of_workers(storm: Result) -> None:
    one = found(flat(storm, "sim", service_kv_queue=0.2), flat(storm, "live", service_kv_queue=1.2))
    assert one[("queue", "baseline")].relative == pytest.approx(0.1)


def test_success_is_a_ratio_of_sums(storm: Result) -> None:
    sim = flat(storm, "sim", offered=60.0, succeeded=60.0)
    live = flat(storm, "live", offered=50.0, succeeded=40.0)
    assert found(sim, live)[("success_ratio", "after")].relative == pytest.approx(0.2)


def test_several_runs_of_a_world_are_averaged(storm: Result) -> None:
    runs = [flat(storm, "sim", attempts=80.0), flat(storm, "sim", attempts=120.0), flat(storm, "live", attempts=110.0)]
    (one,) = [one for one in divergences(runs) if (one.measure, one.phase) == ("attempts", "after")]
    assert one.relative == pytest.approx(0.1)


def test_latencies_are_quantiles_over_all_successes(storm: Result) -> None:
    def run(world: str, value: float) -> Result:
        series = flat(storm, world).series
        return replace(
            storm, world=world, series=replace(series, latencies=tuple(np.full(2, value) for _ in range(80)))
        )

    one = found(run("sim", 0.2), run("live", 0.25))[("latency_p99", "baseline")]
    assert one.relative == pytest.approx(0.25)
    assert one.ok is False


def test_what_cannot_be_compared_says_why(storm: Result) -> None:
    nan = float("nan")
    sim = flat(storm, "sim", latency_p99=[0.5, nan, nan])
    live = flat(storm, "live", latency_p99=[0.5, nan, 0.5])
    notes = found(sim, live)
    assert notes[("latency_p99", "after")].note == "no value in one world"
    assert notes[("goodput", "fault")].note == "too close to a transition"
    assert notes[("goodput", "fault")].ok is None
    both = found(sim, flat(storm, "live", latency_p99=nan))
    assert both[("latency_p99", "after")].note == "no value in either world"


def test_goodput_and_attempts_decide(storm: Result) -> None:
    def verdict(**live: float) -> bool | None:
        runs = [flat(storm, "sim", latency_p50=0.1), flat(storm, "live", **live)]
        return agree(divergences(runs), runs)

    assert verdict(latency_p50=0.9) is True
    assert verdict(attempts=1.2) is False


def test_void_runs_neither_agree_nor_disagree(storm: Result) -> None:
    runs = [storm, replace(storm, world="live", void=["the load was late"])]
    assert agree(divergences(runs), runs) is None
    assert agree(divergences(runs[:1]), runs[:1]) is None


def test_one_world_alone_does_not_diverge(storm: Result) -> None:
    assert divergences([storm, storm]) == []


def test_without_faults_there_is_one_phase(quiet: Result) -> None:
    assert {one.phase for one in divergences([quiet, replace(quiet, world="live")])} == {"run"}


def test_the_file_holds_values_and_their_definition(both_worlds: list[Result], tmp_path: Path) -> None:
    divergence.write(both_worlds, tmp_path / "divergence.json")
    tree = json.loads((tmp_path / "divergence.json").read_text(encoding="utf-8"))
    assert tree["definition"].startswith("The divergence of a measure in a phase is |live − sim| / max(sim, floor).")
    assert (tree["threshold"], tree["agree"]) == (0.15, True)
    assert {"measure", "phase", "sim", "live", "relative", "threshold", "ok"} <= set(tree["divergences"][0])
