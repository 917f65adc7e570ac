"""Locust's page with our load shapes, in a headless Chromium: starts a load, watches it, stops it, takes a picture.

python -m tools.locust_page     writes docs/images/locust-charts.png
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from stormlab.live import programs
from stormlab.live.ports import HOST, free
from tools.browser import headless, seen
from tools.waiting import wait_for

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = (1400, 1250)
_BUSY = (ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException)
#: What is played for the picture.
SHOWN = {"rate": "50", "peak": "4", "seed": "7"}


class Page:
    """Locust's page, driven as a user would."""

    def __init__(self, chrome: Chrome, url: str) -> None:
        self.chrome, self.url = chrome, url

    def start(self, *, shape: str, users: set[str], options: Mapping[str, str]) -> None:
        """Fill the form in and press the button.

        Args:
            users: the user classes to leave chosen.
            options: custom parameters by the names that the form gives them.
        """
        self.chrome.get(self.url)
        wait_for(lambda: self.find("select[name=shapeClass]"))
        wait_for(lambda: _done(lambda: self._choose_users(users)))
        self._open("Custom parameters")
        self._open("Advanced options")
        self._write("shapeClass", shape)
        for name, value in options.items():
            self._write(name, value)
        wait_for(self._submitted)

    def state(self) -> str:
        return str(self.stats()["state"])

    def stats(self) -> dict[str, Any]:
        """What the page itself asks for every other second."""
        with urlopen(f"{self.url}/stats/requests") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def tab(self, name: str) -> None:
        self._click(name)

    def stop(self) -> None:
        self._click("STOP")
        wait_for(lambda: self.state() in ("stopped", "ready"))

    def shapes(self) -> list[str]:
        self.chrome.get(self.url)
        wait_for(lambda: self.find("select[name=shapeClass] option"))
        return self.texts("select[name=shapeClass] option")

    def texts(self, css: str) -> list[str]:
        """What all such elements say, read at one moment."""
        return [one.strip() for one in seen(self.chrome, css)]

    def find(self, css: str) -> list[WebElement]:
        return self.chrome.find_elements(By.CSS_SELECTOR, css)

    def _click(self, words: str) -> None:
        """On the button or the tab that says so, also while the page is being drawn anew."""

        def click() -> None:
            next(one for one in self.find("button, [role=tab]") if one.text.strip().upper() == words.upper()).click()

        wait_for(lambda: _done(click))

    def _open(self, words: str) -> None:
        self._click(words)
        time.sleep(0.4)  # the fold opens slowly, and what is inside cannot be written to before

    def _submitted(self) -> bool:
        """Whether the load has begun; a click on a page that is being drawn may meet nothing."""
        if _done(lambda: self.find("button[type=submit]")[0].click()):
            with contextlib.suppress(TimeoutError):
                return wait_for(lambda: self.state() in ("spawning", "running"), 10)
        return False

    def _choose_users(self, users: set[str]) -> None:
        for row in self.find("table tbody tr"):
            box = row.find_element(By.CSS_SELECTOR, "input[type=checkbox]")
            if box.is_selected() != (row.text.strip() in users):
                box.click()

    def _choose(self, name: str, value: str) -> None:
        for option in self.find(f"select[name={name}] option"):
            if option.text == value:
                option.click()

    def _write(self, name: str, value: str) -> None:
        wait_for(lambda: _done(lambda: self._write_now(name, value)))

    def _write_now(self, name: str, value: str) -> None:
        box = self.find(f"[name={name}]")[0]
        if box.tag_name == "select":
            self._choose(name, value)
        else:
            box.send_keys("\ue009a\ue000", value)  # all of it is replaced: Ctrl-A


def _done(action: Callable[[], object]) -> bool:
    """Whether it could be done: the page may be drawing itself anew, and folds open slowly."""
    try:
        action()
    except (*_BUSY, StopIteration, IndexError):
        return False
    return True


@contextmanager
def chromium(browser: Path, driver: Path, profile: Path) -> Iterator[Chrome]:
    chrome = headless(browser, driver, profile=profile, size=SIZE)
    try:
        yield chrome
    finally:
        chrome.quit()


@contextmanager
def locust(*words: str) -> Iterator[str]:
    """Locust with its page; the address."""
    (port,) = free(1)
    url = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--web-host", HOST, "-P", str(port)]
    process = subprocess.Popen(
        [*command, *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url):
            return True
    except (URLError, ConnectionError):
        return False


@contextmanager
def service() -> Iterator[str]:
    """A key-value service that can serve 100 requests a second; its address."""
    with tempfile.TemporaryDirectory() as folder:
        port, admin = free(2)
        settings = {"PORT": port, "ADMIN_PORT": admin, "TLOG_FILENAME": f"{folder}/log", "LOG_LEVEL": "ERROR"}
        settings |= {"WORKERS": 5, "SERVICE_TIME": "exponential:0.05", "QUEUE_LIMIT": 500}
        environment = os.environ | {name: str(value) for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "services.kv"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_for(lambda: answers(f"http://{HOST}:{port}/livez"))
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    browser, driver = programs.required("chromium"), programs.required("chromedriver")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        service() as target,
        locust("-H", target, "--keys", "50") as url,
        chromium(browser, driver, Path(profile)) as chrome,
    ):
        page = Page(chrome, url)
        page.start(shape="FlashCrowd", users={"KvMixed", "KvHotKey"}, options=SHOWN | {"runTime": "60s"})
        time.sleep(54)
        page.tab("CHARTS")
        time.sleep(3)
        chrome.save_screenshot(str(IMAGES / "locust-charts.png"))
        page.stop()


if __name__ == "__main__":
    main()
