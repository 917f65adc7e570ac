"""A scenario small enough to be played in every test, and ways to call the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stormlab.cli import cli

TEXT = """\
title = "A short spike"
description = "Ten workers, half busy, and two seconds of twice the load."

[run]
duration = 30
warmup = 2
seed = 7

[services.kv]
workers = 10
service_time = { kind = "exponential", mean = 0.05 }

[clients.web]
target = "kv"
arrivals = { kind = "poisson", rate = 40 }
policies = [{ kind = "retry", max_retries = 2 }, { kind = "timeout", seconds = 1.0 }]

[[faults]]
name = "spike"
kind = "load-spike"
target = "web"
at = 10
for = 2
factor = 2

[[expect]]
name = "copes"
verdict = ["unaffected", "recovered"]

[variants.calm]

[variants.hopeless]
expect = [{ name = "is down", verdict = ["collapsed"] }]
"""

Call = Callable[..., Result]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """``stormlab`` in this process, in an empty current directory; whatever is not a word becomes one."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def call(*words: object) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words], prog_name="stormlab")

    return call


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty report: drawing the real one takes seconds, and most tests do not look at it."""

    def write_report(_results: object, folder: Path) -> Path:
        page = folder / "report.html"
        page.touch()
        return page

    monkeypatch.setattr("stormlab.report.page.write_report", write_report)


def objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects of a text that has one per line."""
    return [json.loads(line) for line in text.splitlines()]
