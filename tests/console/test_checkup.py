"""The table of a stack at rest: all in order, and each number off by itself with its remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stormlab.console.checkup import AT_REST, Facts, Finding, checkup
from stormlab.console.looking import panel_queries
from tests.conftest import ROOT

NOW = 1000.0
SAMPLE = {"t": NOW - 1, "goodput": 5.0, "amplification": 1.0, "p99": 0.02, "queue": 0, "breakers": {"kv": "closed"}}
TRACE = {"spans": [{"startTime": (NOW - 1) * 1e6}], "processes": {"p1": {}, "p2": {}}}
STATE: dict[str, Any] = {"scenario": {"name": "", "running": False}, "faults": []}
GOOD = Facts(
    now=NOW,
    state=STATE,
    samples=[SAMPLE] * 20,
    proxies={"up-kv-0": {"enabled": True, "toxics": []}},
    traces=[TRACE],
    scraped={"kv-0": True, "gateway": True},
    memory=300_000_000,
    up={"services 127.0.0.1:8080": True},
    panels={"Services: Rate": True},
    firing=[],
    known=["gateway", "kv-0"],
)


def by_name(facts: Facts) -> dict[str, Finding]:
    return {one.name: one for one in checkup(facts)}


def test_a_stack_at_rest_is_in_order() -> None:
    assert [one.name for one in checkup(GOOD) if not one.ok] == []
    assert len(checkup(GOOD)) >= 10


def test_without_prometheus_and_jaeger_nothing_is_asked_of_them() -> None:
    alone = replace(GOOD, up=None, panels=None, firing=None, known=None, memory=None)
    assert not {"Prometheus", "panels", "alerts", "Jaeger", "memory"} & set(by_name(alone))


def sampled(**values: Any) -> Facts:
    return replace(GOOD, samples=[SAMPLE | values] * 20)


WRONG: dict[str, tuple[Facts, str]] = {
    "scenario": (replace(GOOD, state=STATE | {"scenario": {"name": "storm", "running": True}}), "storm is under way"),
    "targets": (replace(GOOD, scraped={"kv-0": True, "kv-1": False}), "1 of 2 answer; not kv-1"),
    "proxies": (replace(GOOD, proxies={"up-kv-0": {"enabled": True, "toxics": [{}]}}), "disturbed: up-kv-0"),
    "active faults": (replace(GOOD, state=STATE | {"faults": ["spike"]}), "spike"),
    "memory": (replace(GOOD, memory=500_000_000), "500 MB"),
    "last sample": (sampled(t=NOW - 60), "60.0 s ago"),
    "requests": (sampled(goodput=1.0), "1.0 a second"),
    "attempts": (sampled(amplification=2.5), "2.50 for each request"),
    "latency": (sampled(p99=0.6), "0.6 s"),
    "queue": (sampled(queue=7), "7 waiting"),
    "breakers": (sampled(breakers={"kv circuit-breaker": "open"}), "not closed: kv circuit-breaker"),
    "traces": (replace(GOOD, traces=[]), "none"),
    "trace length": (replace(GOOD, traces=[TRACE | {"processes": {"p1": {}}}]), "up to 1 services"),
    "Prometheus": (replace(GOOD, up={"proxy": False}), "0 of 1 are up; not proxy"),
    "panels": (replace(GOOD, panels={"a": True, "b": False}), "1 of 2 have data; not b"),
    "alerts": (replace(GOOD, firing=["FastBurn"]), "firing: FastBurn"),
    "Jaeger": (replace(GOOD, known=[]), "not the gateway"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_number_that_is_off_is_told_with_its_remedy(name: str) -> None:
    facts, words = WRONG[name]
    found = by_name(facts)[name]
    assert not found.ok and words in found.found and found.remedy


def test_every_check_has_a_case_that_fails() -> None:
    assert set(WRONG) == set(by_name(GOOD))


def test_a_stack_that_has_just_come_up_has_no_figures_yet() -> None:
    fresh = by_name(replace(GOOD, samples=[], traces=[]))
    assert fresh["requests"].found == "no figure yet" and not fresh["requests"].ok
    assert fresh["last sample"].found == "none yet"


def test_samples_without_a_figure_are_left_out_of_its_mean() -> None:
    quiet = SAMPLE | {"amplification": None}
    assert replace(GOOD, samples=[quiet, SAMPLE, quiet]).mean("amplification") == 1.0


def test_the_panels_that_are_asked_for_are_those_of_the_committed_dashboards() -> None:
    titles = [title for title, _ in panel_queries(ROOT)]
    assert {title.partition(":")[0] for title in titles} == {"Resilience", "Services", "Key-value", "Runtime"}
    assert len(AT_REST) == 4 and all("$" not in query for _, query in panel_queries(ROOT))
