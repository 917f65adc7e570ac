"""Short runs on real processes: faults arrive, doses are right, and nothing is left running whatever happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from stormlab import live
from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.model import Scenario
from tests.live.programs import ROOT, marked, played
from tools.waiting import wait_for

pytestmark = pytest.mark.live

SMALL = """
title = "a small live run"
[run]
duration = 12
warmup = 1
[services.kv]
workers = 10
service_time = { kind = "exponential", mean = 0.02 }
replicas = 2
[clients.web]
target = "kv"
arrivals = { kind = "poisson", rate = 40 }
policies = [ { kind = "retry", max_retries = 2 }, { kind = "timeout", seconds = 0.5 } ]
"""
SHOP = """
[clients.shop]
target = "kv"
arrivals = { kind = "closed", users = 5, think_time = { kind = "exponential", mean = 0.5 } }
policies = [ { kind = "timeout", seconds = 0.5 } ]
latency = 0.05
"""
FAULTS = """
[[faults]]
kind = "error"
target = "kv"
at = 2
for = 3
probability = 0.5
status = 500
[[faults]]
kind = "latency"
target = "kv"
at = 6
for = 4
latency = 0.1
[[interventions]]
kind = "change"
target = "services.kv"
at = 6
set = { workers = 5 }
"""


def scenario(tmp_path: Path, text: str) -> Scenario:
    file = tmp_path / "small.toml"
    file.write_text(text, encoding="utf-8")
    return loader.load(file)


def test_faults_arrive_in_the_dose_that_was_asked_for(tmp_path: Path) -> None:
    result = played(scenario(tmp_path, SMALL + SHOP + FAULTS), tmp_path, seed=3)
    assert {dose.fault: dose.ok for dose in result.doses} == {"error kv": True, "latency kv": True}
    series = result.series
    assert series["attempts"][2:5].sum() > 1.2 * series["offered"][2:5].sum()
    assert series["latency.p50"][7:9].min() > 0.1 > series["latency.p50"][1]
    assert series["service.kv.capacity"][10] == pytest.approx(500)
    assert series["client.shop.offered"].sum() > 0
    assert min(call.latency for call in result.calls if (call.client, call.ending) == ("shop", "ok")) >= 0.05
    failed = sum(column.sum() for name, column in series.columns.items() if name.startswith("failed."))
    assert series["offered"].sum() == pytest.approx(series["succeeded"].sum() + failed, abs=3)


def test_the_real_toxiproxy_does_as_well(
    tmp_path: Path, toxiproxy_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{toxiproxy_binary.parent}{os.pathsep}{os.environ['PATH']}")
    result = played(scenario(tmp_path, SMALL + FAULTS), tmp_path, proxy="toxiproxy")
    assert result.facts["proxy"] == "toxiproxy"
    assert all(dose.ok for dose in result.doses)


def test_what_cannot_be_done_live_is_refused_before_anything_starts(tmp_path: Path) -> None:
    crashing = SMALL.replace("replicas = 2", "replicas = 2\ncrash = { load = 20 }")
    with pytest.raises(BadInput, match=r"services\.kv\.crash: simulated only so far; run it without --live"):
        live.run(scenario(tmp_path, crashing))
    with pytest.raises(BadInput, match=r"services: 65 replicas would be as many processes"):
        live.run(scenario(tmp_path, SMALL.replace("replicas = 2", "replicas = 65")))
    one_of_many = SMALL.replace("replicas = 2", "replicas = 2\noptimistic = true") + PAUSED
    with pytest.raises(BadInput, match=r"pause kv: the replicas of 'kv' share .* remove replica, or run it"):
        live.run(scenario(tmp_path, one_of_many))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--proxy", "http://127.0.0.1:1"], "Toxiproxy not answering at http://127.0.0.1:1"),
        (["--proxy", "nonsense"], "nonsense"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_bad_input(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "stormlab", "run", str(tmp_path / "small.toml"), "--live", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env={**os.environ, "COLUMNS": "400"},
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_is_left_when_a_run_is_broken_off(tmp_path: Path, number: signal.Signals, status: int) -> None:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    mark = f"STORMLAB_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    out = tmp_path / "out"
    run = subprocess.Popen(
        [sys.executable, "-m", "stormlab", "run", str(tmp_path / "small.toml"), "--live", "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, name: value},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: len(marked(mark)) >= 5, what="the run, the proxy, two services and Locust", seconds=60)
        run.send_signal(number)
        assert run.wait(timeout=60) == status
        wait_for(lambda: not marked(mark), what="the end of every process")
    finally:
        run.kill()
        run.wait()
    assert not (out / "live-seed-1" / "verdict.json").exists()


#: Says when a third of the run is over, and at last why it is void.
TELLING = """
import sys
from stormlab import live
from stormlab.scenario import loader
tell = lambda share: share > 0.3 and print("under way", flush=True)
print(live.run(loader.load(sys.argv[1]), seed=1, proxy="embedded", progress=tell).void)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_run_whose_machine_stood_still_is_void_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    mark = f"STORMLAB_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    run = subprocess.Popen(
        [sys.executable, "-c", TELLING, str(tmp_path / "small.toml")],
        cwd=ROOT,
        env={**os.environ, name: value},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout is not None and run.stdout.readline() == "under way\n"
        everything = marked(mark)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in everything:
                os.kill(pid, number)
            time.sleep(1.5)
        reasons = run.communicate(timeout=60)[0].splitlines()[-1]
    finally:
        run.kill()
        run.wait()
    assert re.search(r"requests started \d+ ms late", reasons)
    told = re.search(r"the machine stood still for (\d+\.\d) s at \d+ s \(.*\): play it again", reasons)
    assert told and float(told[1]) >= 1.4


PAUSED = """
[[faults]]
kind = "pause"
target = "kv"
replica = 0
at = 3
for = 5
"""


def test_the_load_generator_leaves_a_frozen_replica_alone(tmp_path: Path) -> None:
    pool = 'replicas = 2\nbalancing = "least-loaded"\nhealth = { interval = 0.5, timeout = 0.25, failures = 2 }'
    text = (SMALL + PAUSED).replace("replicas = 2", pool).replace('{ kind = "retry", max_retries = 2 }, ', "")
    result = played(scenario(tmp_path, text), tmp_path, seed=2)
    window = slice(5, 8)
    assert result.series["succeeded"][window].sum() >= 0.97 * result.series["offered"][window].sum()
