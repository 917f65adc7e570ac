"""Locust's own page in a real browser: our user classes and load shapes, a load started, watched and stopped there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loadtests.playing import Loaded, playing
from tools.locust_page import Page, chromium, locust
from tools.waiting import wait_for

pytestmark = [pytest.mark.live, pytest.mark.real]


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    with playing() as (serve, _):
        yield serve()


@pytest.fixture(scope="module")
def page(
    loaded: Loaded, chromium_programs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    browser, driver = chromium_programs
    folder = tmp_path_factory.mktemp("page")
    words = ["-H", loaded.url, "--fill", "no", "--out", str(folder / "out"), "--late", "5"]
    with locust(*words) as url, chromium(browser, driver, folder / "profile") as chrome:
        yield Page(chrome, url)


def test_our_shapes_and_classes_can_be_chosen(page: Page) -> None:
    assert page.shapes() == ["Default", "Constant", "DailyWave", "FlashCrowd", "Ramp", "Replay", "Spike", "Step"]
    classes = page.texts("table tbody tr")
    assert classes == ["Fibonacci", "GatewayBrowser", "KvGrpc", "KvHotKey", "KvMixed", "KvReader", "KvWriter"]


def test_a_load_is_started_watched_and_stopped(page: Page, loaded: Loaded, tmp_path: Path) -> None:
    page.start(shape="Step", users={"KvReader"}, options={"rate": "50", "peak": "1", "runTime": "120s"})
    wait_for(lambda: any(path.startswith("GET /v1/") for path in loaded.seen()))
    wait_for(lambda: page.stats()["stats"][-1]["num_requests"] > 20)
    assert {one["name"] for one in page.stats()["stats"]} == {"kv-reader", "Aggregated"}
    page.tab("CHARTS")
    wait_for(lambda: page.find("canvas"))
    picture = tmp_path / "charts.png"
    assert page.chrome.save_screenshot(str(picture)) and picture.stat().st_size > 20_000
    page.stop()

    def reported() -> bool:
        page.chrome.get(f"{page.url}/load-report")
        return any("Stopped after" in text for text in page.texts("main"))

    wait_for(reported)
