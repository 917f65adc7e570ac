"""A headless Chromium for tests and pictures of pages: it asks nobody on the internet for anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from selenium import webdriver

T = TypeVar("T")
_QUIET = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
    "hide-scrollbars",
)


def headless(browser: Path, driver: Path, *, profile: Path, size: tuple[int, int]) -> webdriver.Chrome:
    """A browser with a window of ``size`` pixels; the caller quits it. What it keeps goes below ``profile``."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser)
    for flag in (f"window-size={size[0]},{size[1]}", f"user-data-dir={profile}", *_QUIET):
        options.add_argument(f"--{flag}")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(str(driver)))


def eventually(condition: Callable[[], T], *, seconds: float = 60.0) -> T:
    """What ``condition`` gives as soon as that is something; raises TimeoutError when it is nothing for too long."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > limit:
            raise TimeoutError("what the page should show did not come about")
        time.sleep(0.1)
    return found
