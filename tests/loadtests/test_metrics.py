"""The scrape page of the load generator, in numbers worked out by hand and as Prometheus' own tool reads it."""

from __future__ import annotations

import subprocess
from array import array
from dataclasses import dataclass, field

import gevent
import pytest
from gevent import socket
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from loadtests.metrics import LoadMetrics, serve
from stormlab.effects import PLAIN, Request
from stormlab.live.ports import HOST
from stormlab.outcome import SUCCESS, Outcome, failure
from stormlab.policies import CircuitBreaker, Deadline, Retry, RetryBudget, VegasLimit
from stormlab.telemetry import names
from tests.conftest import find_program, skip_without

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass
class Seen:
    """A journal whose numbers are given."""

    intended: array[float] = field(default_factory=lambda: array("d"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    under_way: int = 0
    dropped: int = 0

    def ended(self, intended: float, sent: float) -> None:
        self.intended.append(intended)
        self.sent.append(sent)


def values(metrics: LoadMetrics) -> Values:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(metrics: LoadMetrics, name: str, **labels: str) -> float:
    return values(metrics)[name, frozenset({"service": "load", "edge": "web", **labels}.items())]


def test_offered_load_is_what_was_due_whatever_became_of_it() -> None:
    metrics, seen = LoadMetrics(), Seen(under_way=3, dropped=2)
    metrics.watch("web", seen, ())
    seen.ended(1.0, 1.0)
    assert value(metrics, names.LOAD_OFFERED) == 6
    assert value(metrics, names.LOAD_UNDER_WAY) == 3


def test_lateness_is_read_once_and_counted_by_how_late() -> None:
    metrics, seen = LoadMetrics(), Seen()
    metrics.watch("web", seen, ())
    seen.ended(1.0, 1.0)
    seen.ended(2.0, 2.04)
    for _ in range(2):
        assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_bucket", le="0.025") == 1
        assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_bucket", le="0.05") == 2
    seen.ended(3.0, 43.0)
    assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_bucket", le="30.0") == 2
    assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_count") == 3
    assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_sum") == pytest.approx(40.04)


def test_a_request_that_starts_early_is_not_late() -> None:
    metrics, seen = LoadMetrics(), Seen()
    metrics.watch("web", seen, ())
    seen.ended(1.0, 0.999)
    assert value(metrics, f"{names.LOAD_LATENESS_SECONDS}_sum") == 0


def test_attempts_are_counted_by_their_ending_and_timed() -> None:
    metrics, now = LoadMetrics(), 0.0
    answers = iter([failure("http-500"), SUCCESS, SUCCESS])

    def operation(request: Request) -> Outcome:
        nonlocal now
        now += 0.3
        return next(answers)

    attempt = metrics.metered("web", operation, lambda: now)
    assert [attempt(PLAIN).ok for _ in range(3)] == [False, True, True]
    assert value(metrics, names.EDGE_ATTEMPTS, ending="error") == 1
    assert value(metrics, names.EDGE_ATTEMPTS, ending="ok") == 2
    assert value(metrics, f"{names.EDGE_ATTEMPT_SECONDS}_sum") == pytest.approx(0.9)


def test_an_attempt_that_is_cut_off_is_a_time_out() -> None:
    metrics = LoadMetrics()

    def operation(request: Request) -> Outcome:
        raise gevent.Timeout(1.0)

    with pytest.raises(gevent.Timeout):
        metrics.metered("web", operation, lambda: 0.0)(PLAIN)
    assert value(metrics, names.EDGE_ATTEMPTS, ending="timeout") == 1


def test_goodput_and_amplification_follow_requests() -> None:
    metrics = LoadMetrics()
    attempt = metrics.metered("web", lambda request: failure("http-500"), lambda: 0.0)
    for _ in range(4):
        attempt(PLAIN)
    metrics.edges.request_ended("web", failure("http-500"))
    assert value(metrics, names.EDGE_REQUESTS, ending="error") == 1
    assert value(metrics, names.EDGE_AMPLIFICATION) == 4


def test_policies_show_what_they_begin_with() -> None:
    metrics = LoadMetrics()
    policies = (Deadline(seconds=5), Retry(max_retries=3), RetryBudget(), CircuitBreaker(), VegasLimit(initial=7))
    metrics.watch("web", Seen(), policies)
    states = {state: value(metrics, names.EDGE_STATE, policy="circuit-breaker", state=state) for state in STATES}
    assert states == {"closed": 1, "open": 0, "half-open": 0}
    assert value(metrics, names.EDGE_LIMIT, policy="vegas-limit") == 7
    assert value(metrics, names.EDGE_RETRIES_SUPPRESSED, reason="retry-budget") == 0
    assert value(metrics, names.EDGE_RETRIES_SUPPRESSED, reason="deadline") == 0


STATES = ("closed", "open", "half-open")


@pytest.fixture
def page() -> bytes:
    """A page with something of everything, scraped over a socket."""
    metrics, seen = LoadMetrics(), Seen(under_way=1)
    metrics.watch("web", seen, (CircuitBreaker(), VegasLimit(), RetryBudget()))
    seen.ended(1.0, 1.2)
    metrics.metered("web", lambda request: SUCCESS, lambda: 0.0)(PLAIN)
    metrics.edges.request_ended("web", SUCCESS)
    server = serve(metrics, 0)
    try:
        with socket.create_connection((HOST, server.server_port), timeout=5) as connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    finally:
        server.stop()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    return body


def test_it_is_served(page: bytes) -> None:
    families = text_string_to_metric_families(page.decode())
    assert [one.value for family in families for one in family.samples if one.name == names.LOAD_OFFERED] == [2]


@pytest.mark.real
def test_promtool_finds_no_fault_with_it(page: bytes) -> None:
    promtool = find_program("promtool")
    if promtool is None:
        skip_without("promtool", remedy="run `make real-parts`, or `apt-get install prometheus`")
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
