"""A lesson in a real JupyterLab: cells run, the form takes an answer, and a slider draws the figure again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import nbformat
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from stormlab.live import ports
from tools import notebooks
from tools.browser import headless, seen
from tools.waiting import wait_for

pytestmark = [pytest.mark.live, pytest.mark.real, pytest.mark.timeout(600)]
T = TypeVar("T")
click = WebElement.click

LESSON = notebooks.FOLDER / "02_anatomy_of_a_retry_storm.py"
PICTURE, HANDLE = "img.widget-image", ".widget-slider .noUi-handle"


def eventually(what: Callable[[], T], seconds: float = 90) -> T:
    return wait_for(what, seconds=seconds)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab with the first question and the sliders of one lesson."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = notebooks.from_source(LESSON)
    wanted = ("Lesson(", '"recovers", "The', "explore(")
    notebook.cells = [one for one in notebook.cells if one.cell_type == "code" and any(w in one.source for w in wanted)]
    notebook.cells = [notebook.cells[0], notebook.cells[1], notebook.cells[-1]]
    nbformat.write(notebook, folder / "lesson.ipynb")  # type: ignore[no-untyped-call]
    (port,) = ports.free(1)
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ip=127.0.0.1",
    ]
    command += [
        "--IdentityProvider.token=",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: server.poll() is None and ports.answers(port))
            yield f"http://127.0.0.1:{port}/lab/tree/lesson.ipynb"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="module")
def page(
    address: str, chromium_programs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    browser, driver = chromium_programs
    chrome = headless(browser, driver, profile=tmp_path_factory.mktemp("profile"), size=(1300, 1500))
    try:
        chrome.get(address)
        yield chrome
    finally:
        chrome.quit()


def all_of(page: webdriver.Chrome, css: str) -> list[Any]:
    return page.find_elements(By.CSS_SELECTOR, css)


def done(page: webdriver.Chrome, css: str, action: Callable[[Any], None]) -> bool:
    """Whether it could be done to the first such element: the page may be building itself still."""
    with contextlib.suppress(WebDriverException, IndexError):
        action(all_of(page, css)[0])
        return True
    return False


def cells_run(page: webdriver.Chrome) -> bool:
    """Whether the three cells have run; has them run if none of them is about to."""
    numbers = [one.strip("[]:") for one in seen(page, ".jp-Cell .jp-InputPrompt")[:3]]
    if len(numbers) == 3 and "*" not in numbers and " " in numbers and done(page, ".jp-Cell .cm-content", click):
        for _ in range(3):
            ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        time.sleep(5)  # a kernel that is not connected yet runs nothing: then none is about to after this
    return len(numbers) == 3 and all(number.isdigit() for number in numbers)


def test_a_slider_changes_the_figure(page: webdriver.Chrome, record_property: Callable[[str, object], None]) -> None:
    eventually(lambda: all_of(page, ".jp-Notebook-ExecutionIndicator[data-status='idle']"))
    eventually(lambda: cells_run(page), 300)
    before = eventually(lambda: [one for one in seen(page, PICTURE, "src") if one])
    eventually(lambda: len(seen(page, ".widget-radio input", "value")) == 2)
    began = time.monotonic()
    eventually(lambda: done(page, HANDLE, lambda one: one.send_keys(Keys.ARROW_RIGHT)))
    eventually(lambda: seen(page, PICTURE, "src") != before)
    record_property("seconds from key to picture", round(time.monotonic() - began, 2))
    print(f"{time.monotonic() - began:.2f} s from key to picture")
