"""Sampling of logs by numbers, and what a line looks like."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from services.common.logs import Sampler
from tests.services.running import ROOT

PROGRAM = """
import logging, time, structlog
time.monotonic = lambda: 0.0
from services.common.logs import start_logs
start_logs(level="INFO", service="kv")
structlog.get_logger().debug("unseen")
structlog.get_logger().info("seen", key="ü")
logging.getLogger("library").warning("from a %s", "library")
for _ in range(50):
    structlog.get_logger().error("flood")
structlog.get_logger().info("after")
"""


ANNOUNCING = """
import structlog
from services.common.logs import Sampler, announce, set_level, start_logs
start_logs(level="ERROR", service="kv", sampler=Sampler(first=1, then=0))
structlog.get_logger().info("listening")
for name in ("rest", "admin"):
    announce("listening", name=name)
"""


def admitted(sampler: Sampler, count: int, *, now: float = 0.0, message: str = "m", level: str = "info") -> int:
    return sum(sampler.admits(now, level, message) for _ in range(count))


def test_the_first_of_a_second_then_every_so_many() -> None:
    sampler = Sampler(first=3, then=10)
    assert [sampler.admits(0.5, "info", "m") for _ in range(14)] == [True] * 3 + [False] * 9 + [True, False]
    assert sampler.dropped == 10


def test_levels_messages_and_seconds_are_counted_apart() -> None:
    sampler = Sampler(first=3, then=1000)
    assert admitted(sampler, 9) == 3
    assert admitted(sampler, 9, message="other") == 3
    assert admitted(sampler, 9, level="error") == 3
    assert admitted(sampler, 9, now=1.0) == 3


def test_endlessly_many_messages_take_no_endless_memory() -> None:
    sampler = Sampler(first=1, then=1000, kinds=10)
    assert sum(admitted(sampler, 1, message=str(number)) for number in range(500)) == 11


def test_one_json_object_per_line() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["seen", "from a library", *["flood"] * 10, "after"]
    assert {line["service"] for line in lines} == {"kv"}
    assert (lines[0]["level"], lines[0]["key"]) == ("info", "ü")
    assert lines[-1]["dropped"] == 40
    assert logging.getLevelNamesMapping()[lines[1]["level"].upper()] == logging.WARNING


def test_an_announcement_passes_level_and_sampling() -> None:
    done = subprocess.run([sys.executable, "-c", ANNOUNCING], cwd=ROOT, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["event"], line["level"], line["name"]) for line in lines] == [
        ("listening", "info", "rest"),
        ("listening", "info", "admin"),
    ]
