"""The load balancer of the simulated world: ejection, health checks and fail open change where requests go."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormlab import sim
from stormlab.scenario import loader
from stormlab.scenario.result import Result

TEXT = """
title = "three replicas"
[run]
duration = 30
warmup = 1
[services.db]
workers = 10
service_time = { kind = "fixed", mean = 0.01 }
replicas = 3
%s
[clients.web]
target = "db"
arrivals = { kind = "paced", rate = 60 }
policies = [{ kind = "timeout", seconds = 0.25 }]
[[faults]]
target = "db"
at = 10
for = 10
%s
"""
CHECKS = "health = { interval = 1.0, timeout = 0.5, failures = 2 }"


def play(tmp_path: Path, service: str, fault: str) -> Result:
    file = tmp_path / "three.toml"
    file.write_text(TEXT % (service, fault), encoding="utf-8")
    return sim.run(loader.load(file), seed=1)


def success(result: Result, first: int, last: int) -> float:
    window = slice(first, last)
    return float(result.series["succeeded"][window].sum() / result.series["offered"][window].sum())


@pytest.mark.parametrize(
    ("service", "fault", "share"),
    [
        ("", 'kind = "pause"\nreplica = 1', 2 / 3),
        (CHECKS, 'kind = "pause"\nreplica = 1', 1.0),
        ("outlier = {}", 'kind = "pause"\nreplica = 1', 1.0),
        (CHECKS, 'kind = "stop"\nreplica = 1', 1.0),
        (CHECKS, 'kind = "error"\nprobability = 1\nreplica = 1', 2 / 3),
        ("outlier = {}", 'kind = "error"\nprobability = 1\nreplica = 1', 1.0),
    ],
)
def test_a_bad_replica_is_left_alone_by_whoever_sees_it(tmp_path: Path, service: str, fault: str, share: float) -> None:
    result = play(tmp_path, service, fault)
    assert success(result, 13, 19) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("action", "share"), [("fail-open", 1.0), ("fail-closed", 0.0)])
def test_checks_that_condemn_everybody_are_believed_or_not(tmp_path: Path, action: str, share: float) -> None:
    """A latency of 0.2 s passes requests (0.25 s) and fails checks (0.1 s)."""
    service = f'health = {{ interval = 1, timeout = 0.1, failures = 2 }}\npanic = {{ action = "{action}" }}'
    result = play(tmp_path, service, 'kind = "latency"\nlatency = 0.2')
    assert success(result, 13, 19) == share
    assert success(result, 25, 29) == 1.0


def test_health_checks_do_not_take_workers(tmp_path: Path) -> None:
    without, checked = (play(tmp_path, service, 'kind = "capacity"\nspeed = 0.5') for service in ("", CHECKS))
    assert checked.series["service.db.completions"].sum() == without.series["service.db.completions"].sum()
