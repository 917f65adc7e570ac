"""A headless Chromium for tests and pictures of pages: it asks nobody on the internet for anything."""

from __future__ import annotations

from pathlib import Path

from selenium import webdriver

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


def seen(page: webdriver.Chrome, css: str, what: str = "textContent") -> list[str]:
    """A property of all such elements, read at one moment: elements come and go while a page is being drawn."""
    script = "return [...document.querySelectorAll(arguments[0])].map(one => one[arguments[1]])"
    return page.execute_script(script, css, what)  # type: ignore[no-any-return]
