"""Every mistake gets one message that says where it is and what to do, exit status 2 and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import TEXT, Call

WORDS = [
    (["run", "missing.toml"], ["missing.toml", "no such file", "stormlab list"]),
    (["run", "retry-strom"], ["retry-strom", "did you mean 'retry-storm'"]),
    (["run", "SMALL", "--variant", "clam"], ["variant 'clam'", "did you mean 'calm'"]),
    (["run", "SMALL", "--set", "clients.web.arrivals.rate"], ["key=value"]),
    (["run", "SMALL", "--set", "clients.wev.arrivals.rate=3"], ["wev", "did you mean 'web'"]),
    (["run", "SMALL", "--set", "clients.web.arrivals.rate=-3"], ["clients.web.arrivals.rate", "greater than 0", "-3"]),
    (["run", "SMALL", "--seed", "-1"], ["--seed"]),
    (["run", "SMALL", "--seeds", "0"], ["--seeds"]),
    (["run", "SMALL", "--jobs", "0"], ["--jobs"]),
    (["run", "SMALL", "--sed", "1"], ["--sed", "--seed"]),
    (["run", "SMALL", "--out", "SMALL"], ["--out"]),
    (["run", "SMALL", "--out", "SMALL/below"], ["cannot be written", "--out"]),
    (["run"], ["SCENARIO"]),
    (["rum", "SMALL"], ["rum", "did you mean 'run'"]),
    (["compare", "SMALL", "--variants", "calm,hopless"], ["hopless", "did you mean 'hopeless'"]),
    (["show", "retry-storm", "--variant", "bugdet"], ["did you mean 'budget'"]),
    (["availability", "series(0.9"], ["column 11"]),
    (["availability", "1.5"], ["1.5"]),
    (["services", "kw"], ["kw", "kv"]),
    (["proxy", "--port", "70000"], ["70000"]),
    (["proxy", "--config", "missing.json"], ["missing.json"]),
]  # fmt: skip

TEXTS = [
    (TEXT.replace("workers", "wrokers"), ["small.toml:10", "wrokers", "did you mean 'workers'"]),
    (TEXT.replace("rate = 40", "rate = -40"), ["small.toml:15", "clients.web.arrivals.rate", "-40"]),
    (TEXT.replace('target = "kv"', 'target = "kw"'), ["clients.web.target", "kw", "kv"]),
    (TEXT.replace("[run]", "[run"), ["small.toml", "TOML", "line 4"]),
]


@pytest.mark.parametrize(("words", "said"), WORDS, ids=lambda value: " ".join(value))
def test_words(call: Call, scenario: Path, words: list[str], said: list[str]) -> None:
    done = call(*(word.replace("SMALL", str(scenario)) for word in words))
    _is_a_message(done.exit_code, done.stdout, done.stderr, said)


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=lambda value: value[1] if isinstance(value, list) else "")
def test_files(call: Call, scenario: Path, text: str, said: list[str]) -> None:
    scenario.write_text(text, encoding="utf-8")
    done = call("run", scenario)
    _is_a_message(done.exit_code, done.stdout, done.stderr, said)
    assert not Path("runs").exists(), "nothing is written for a scenario that cannot be used"


def test_a_real_process_prints_no_traceback(scenario: Path) -> None:
    words = [sys.executable, "-m", "stormlab", "run", str(scenario), "--variant", "clam"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    _is_a_message(done.returncode, done.stdout, done.stderr, ["did you mean 'calm'"])


def _is_a_message(status: int, stdout: str, stderr: str, said: list[str]) -> None:
    assert status == 2, stderr
    assert stdout == ""
    assert "Error: " in stderr and "Traceback" not in stderr
    for part in said:
        assert part in stderr
