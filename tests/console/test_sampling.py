"""Samples worked out by hand from two readings of a scrape page."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from stormlab.console.sampling import Sampler, Values, parse
from stormlab.telemetry import names


class Caller:
    """An edge that is counted as callers do."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["service", "edge", "ending"]
        self.requests = Counter(names.EDGE_REQUESTS, "-", labels, registry=self.registry)
        self.attempts = Counter(names.EDGE_ATTEMPTS, "-", labels, registry=self.registry)
        self.seconds = Histogram(
            names.EDGE_ATTEMPT_SECONDS, "-", ["service", "edge"], registry=self.registry, buckets=(0.1, 0.2, 0.4)
        )
        self.state = Gauge(names.EDGE_STATE, "-", ["service", "edge", "policy", "state"], registry=self.registry)

    def page(self) -> Values:
        return parse(generate_latest(self.registry).decode(), "caller")


def test_a_storm_shows_in_attempts_per_request() -> None:
    caller, sampler = Caller(), Sampler()
    caller.requests.labels("gateway", "kv", "ok").inc(100)
    for ending in ("ok", "timeout"):
        caller.requests.labels("gateway", "kv", ending).inc(0)
        caller.attempts.labels("gateway", "kv", ending).inc(0)
    sampler.add(10.0, caller.page(), [])
    caller.requests.labels("gateway", "kv", "ok").inc(4)
    caller.requests.labels("gateway", "kv", "timeout").inc(16)
    caller.attempts.labels("gateway", "kv", "timeout").inc(80)
    sampler.add(12.0, caller.page(), ["spike"])
    (sample,) = sampler.samples
    assert (sample["offered"], sample["attempts"], sample["goodput"]) == (10, 40, 2)
    assert sample["amplification"] == pytest.approx(4)
    assert sample["faults"] == ["spike"]


def test_what_a_load_generator_offers_is_what_is_due_not_what_has_ended() -> None:
    caller, sampler = Caller(), Sampler()
    due = Counter(names.LOAD_OFFERED, "-", ["service", "edge"], registry=caller.registry).labels("load", "web")
    requests = caller.requests.labels("load", "web", "timeout")
    attempts = caller.attempts.labels("load", "web", "timeout")
    visitor = caller.requests.labels("gateway", "kv", "ok")
    sampler.add(0.0, caller.page(), [])
    due.inc(60)
    requests.inc(7)
    attempts.inc(240)
    visitor.inc(5)
    sampler.add(1.0, caller.page(), [])
    (sample,) = sampler.samples
    assert (sample["offered"], sample["attempts"], sample["goodput"]) == (65, 240, 5)


def test_quantiles_are_of_the_last_second_alone() -> None:
    caller, sampler = Caller(), Sampler()
    caller.seconds.labels("gateway", "kv").observe(0.05)
    sampler.add(0.0, caller.page(), [])
    for _ in range(10):
        caller.seconds.labels("gateway", "kv").observe(0.3)
    sampler.add(1.0, caller.page(), [])
    assert sampler.samples[-1]["p50"] == pytest.approx(0.3)
    sampler.add(2.0, caller.page(), [])
    assert sampler.samples[-1]["p50"] is None


def test_a_counter_of_a_restarted_process_is_no_negative_rate() -> None:
    sampler, before, after = Sampler(), Caller(), Caller()
    before.requests.labels("gateway", "kv", "ok").inc(100)
    after.requests.labels("gateway", "kv", "ok").inc(1)
    sampler.add(0.0, before.page(), [])
    sampler.add(1.0, after.page(), [])
    assert sampler.samples[-1]["offered"] == 0


def test_states_of_breakers_are_named() -> None:
    caller, sampler = Caller(), Sampler()
    caller.state.labels("gateway", "kv", "circuit-breaker", "open").set(1)
    caller.state.labels("gateway", "kv", "circuit-breaker", "closed").set(0)
    sampler.add(0.0, caller.page(), [])
    sampler.add(1.0, caller.page(), [])
    assert sampler.samples[-1]["breakers"] == {"kv circuit-breaker": "open"}


def test_only_later_samples_are_asked_for() -> None:
    caller, sampler = Caller(), Sampler()
    for moment in range(4):
        sampler.add(float(moment), caller.page(), [])
    assert [one["t"] for one in sampler.since(2.0)] == [3.0]
