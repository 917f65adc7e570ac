"""Fixtures for every test: a free port, the third-party servers, and an honest count of tests that lacked one."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from stormlab.live import ports, programs

ROOT = Path(__file__).parent.parent
MISSING_PART = "missing part: "

settings.register_profile("stormlab", parent=settings(), deadline=None)
settings.load_profile("stormlab")


def skip_without(part: str, *, remedy: str) -> NoReturn:
    """Skip the test because ``part`` is not on this machine; the summary counts it and repeats the ``remedy``."""
    pytest.skip(f"{MISSING_PART}{part}; {remedy}")


def find_program(name: str) -> Path | None:
    """The program called ``name`` on PATH or in ``.tools/bin`` of the checkout, where ``make real-parts`` puts it."""
    return programs.find(name)


@pytest.fixture(scope="session")
def toxiproxy_binary() -> Path:
    """The real Toxiproxy server; tests that ask for it skip visibly where there is none."""
    binary = find_program("toxiproxy-server")
    if binary is None:
        skip_without("toxiproxy-server", remedy="run `make real-parts` or put it on PATH")
    return binary


@pytest.fixture(scope="session")
def chromium_programs() -> tuple[Path, Path]:
    """The browser and its driver; tests that ask for them skip visibly where one is missing."""
    browser, driver = find_program("chromium"), find_program("chromedriver")
    if browser is None or driver is None:
        skip_without(
            "chromium and chromedriver", remedy="run `make real-parts`, or install chromium and chromium-driver"
        )
    return browser, driver


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody else is given, for programs that cannot pick one themselves."""
    return ports.free(1)[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    ]
    missing = [reason for reason in reasons if reason.startswith(MISSING_PART)]
    if missing:
        terminalreporter.section("not tested on this machine")
    for reason in sorted(set(missing)):
        terminalreporter.line(f"{missing.count(reason)} tests skipped, {reason}")
