"""Calls between services live: a retry storm in the middle of a chain, and its cure, with the simulated verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

import stormlab
from stormlab import sim
from stormlab.scenario.vocabulary import Word
from tests.live.programs import played

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("variant", "word"), [("", Word.METASTABLE), ("budget", Word.RECOVERED)])
def test_a_storm_in_the_middle_of_a_chain_ends_live_as_it_does_simulated(
    variant: str, word: Word, tmp_path: Path
) -> None:
    scenario = stormlab.load("retries-in-a-chain", variant=variant)
    real = played(scenario, tmp_path)
    simulated = sim.run(scenario, seed=1)
    assert real.void == []
    assert real.verdict.word is simulated.verdict.word is word
    assert [check.name for check in (*real.checks, *simulated.checks) if not check.ok] == []
    edge, last = real.facts["edges"]["shop→stock"], real.facts["edges"]["stock→records"]
    assert edge["requests"] <= real.series["offered"].sum()
    assert (edge["attempts"] > 2 * edge["requests"]) == (word is Word.METASTABLE)
    assert last["attempts"] <= edge["attempts"]


FAR = """
title = "a way between two services that gets longer, and a replica in the middle that is frozen"
[run]
duration = 14
warmup = 1
[services.shop]
workers = 20
replicas = 2
health = { interval = 0.5, timeout = 0.3, failures = 1 }
service_time = { kind = "fixed", mean = 0.002 }
calls = [{ target = "stock" }]
[services.stock]
workers = 20
service_time = { kind = "fixed", mean = 0.002 }
[clients.web]
target = "shop"
arrivals = { kind = "paced", rate = 20 }
policies = [{ kind = "timeout", seconds = 1.0 }]
[[faults]]
kind = "latency"
target = "stock"
at = 3
for = 3
latency = 0.2
[[faults]]
kind = "pause"
target = "shop"
replica = 1
at = 8
for = 3
"""


def test_toxics_hit_the_edge_between_two_services_and_one_process_of_a_chain_can_be_frozen(tmp_path: Path) -> None:
    (tmp_path / "far.toml").write_text(FAR, encoding="utf-8")
    scenario = stormlab.load(tmp_path / "far.toml")
    result = played(scenario, tmp_path)
    assert result.void == []
    assert [(dose.fault, dose.ok) for dose in result.doses] == [("latency stock", True)]
    latency, succeeded = result.series["latency.p50"], result.series["succeeded"]
    assert latency[4] > 0.2 > latency[1]
    assert succeeded[10] > 0.9 * succeeded[1]
    assert result.facts["edges"]["shop→stock"]["requests"] <= result.series["offered"].sum()
