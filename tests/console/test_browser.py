"""The console in a real browser: a scenario by its button, moving charts, a slider that changes latency, a trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.console.test_stack import Up, grafana, up  # noqa: F401, the fixtures
from tools.browser import headless
from tools.waiting import wait_for

pytestmark = [pytest.mark.live, pytest.mark.real]


@pytest.fixture(scope="module")
def page(
    up: Up,  # noqa: F811
    chromium_programs: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[webdriver.Chrome]:
    browser, driver = chromium_programs
    chrome = headless(browser, driver, profile=tmp_path_factory.mktemp("profile"), size=(1400, 1300))
    try:
        chrome.get(f"http://127.0.0.1:{up.base}/")
        yield chrome
    finally:
        chrome.quit()


def find(page: webdriver.Chrome, css: str) -> WebElement:
    return wait_for(lambda: page.find_elements(By.CSS_SELECTOR, css))[0]


def points(page: webdriver.Chrome) -> int:
    return int(page.execute_script("return charts[0].chart.data[0].length"))


def test_charts_move(page: webdriver.Chrome) -> None:
    before = wait_for(lambda: points(page))
    wait_for(lambda: points(page) >= before + 2)
    assert len(page.find_elements(By.CSS_SELECTOR, "#charts canvas")) == 5


def test_a_slider_changes_the_latency_that_the_chart_shows(page: webdriver.Chrome) -> None:
    find(page, "[data-proxy]")
    move = """for (const one of document.querySelectorAll('[name=latency]')) {
        one.value = arguments[0]; one.dispatchEvent(new Event('change')); }"""
    median = "const values = charts[2].chart.data[1]; return values[values.length - 1] || 0"
    page.execute_script(move, 400)
    wait_for(lambda: page.execute_script(median) > 200)
    page.execute_script(move, 0)
    wait_for(lambda: page.execute_script(median) < 200)


def test_a_trace_opens_as_a_waterfall(page: webdriver.Chrome) -> None:
    click = "const row = document.querySelector('#traces tbody tr'); row?.click(); return row !== null"
    wait_for(lambda: page.execute_script(click))
    find(page, "#waterfall .bar")
    assert "trace " in find(page, "#waterfall h3").text


def test_a_scenario_starts_and_stops_by_its_buttons(page: webdriver.Chrome, up: Up) -> None:  # noqa: F811
    find(page, "[data-scenario='retry-storm']").click()
    wait_for(lambda: "retry-storm is under way" in find(page, "#scenario").text)
    wait_for(lambda: any(one["name"] == "run-kv-0" for one in up.ask("/api/state")["targets"]), 90)
    find(page, "[data-proxy='kv-0']")  # its box moves the button down
    find(page, "#scenarios > button").click()
    wait_for(lambda: "under way" not in find(page, "#scenario").text)
    wait_for(lambda: not any(one["name"].startswith("run-") for one in up.ask("/api/state")["targets"]))


def test_nothing_is_loaded_from_elsewhere(page: webdriver.Chrome, up: Up) -> None:  # noqa: F811
    loaded = page.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded and all(one.startswith((f"http://127.0.0.1:{up.base}/", "data:")) for one in loaded)


def test_a_picture_can_be_taken(page: webdriver.Chrome, tmp_path: Path) -> None:
    picture = tmp_path / "console.png"
    assert page.save_screenshot(str(picture)) and picture.stat().st_size > 20_000
