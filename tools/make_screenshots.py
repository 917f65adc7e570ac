"""Pictures of the console for the documentation: a trace, and a retry storm that outlives its trigger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from stormlab.live import ports, programs
from stormlab.live.ports import HOST
from tools.browser import headless
from tools.waiting import wait_for

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZE = (1500, 1180)
#: How long a picture may take to come about, in s.
PATIENCE = 120.0
_BLOCK = 15


def main() -> None:
    browser, driver = programs.required("chromium"), programs.required("chromedriver")
    with tempfile.TemporaryDirectory(prefix="stormlab-screenshots-") as scratch, stack(Path(scratch)) as base:
        url = f"http://{HOST}:{base}"
        page = headless(browser, driver, profile=Path(scratch) / "profile", size=SIZE)
        try:
            page.get(url)
            wait_for(lambda: len(ask(url, "/api/samples")) > 40, seconds=PATIENCE)
            wait_for(lambda: opened(page), seconds=PATIENCE)
            page.execute_script("document.querySelector('#waterfall').scrollIntoView({block: 'center'})")
            save(page, "console-trace.png")
            page.execute_script("window.scrollTo(0, 0)")
            ask(url, "/api/scenarios", {"name": "retry-storm", "variant": "naive"})
            wait_for(lambda: outlived(ask(url, "/api/samples")), seconds=PATIENCE)
            save(page, "console-storm.png")
        finally:
            page.quit()


def opened(page: Chrome) -> bool:
    """Whether a trace of the Fibonacci service is open as a waterfall."""
    rows = page.find_elements(By.CSS_SELECTOR, "#traces tbody tr")
    mine = [row for row in rows if "fibonacci-" in row.text and "gateway" in row.text]
    if mine:
        mine[0].click()
        time.sleep(0.5)
    return len(page.find_elements(By.CSS_SELECTOR, "#waterfall .bar")) >= 12


def outlived(samples: list[dict[str, Any]]) -> bool:
    """Whether a fault is over for ten seconds and the storm is not."""
    last = samples[-10:]
    storm = all((one["amplification"] or 0) > 2 and not one["faults"] for one in last)
    return storm and any(one["faults"] for one in samples)


@contextmanager
def stack(folder: Path) -> Iterator[int]:
    """A stack of one's own; its first port."""
    base = ports.block(_BLOCK)
    env = os.environ | {"STORMLAB_STATE": str(folder / "stack.json")}
    command = [sys.executable, "-m", "stormlab", "up", "--base-port", str(base)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("ready")
            yield base
        finally:
            process.terminate()


def ask(url: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + path, data), timeout=10) as answer:
        return json.loads(answer.read() or "null")


def save(page: Chrome, name: str) -> None:
    time.sleep(2.5)
    page.save_screenshot(str(IMAGES / name))
    print(f"docs/images/{name}")


if __name__ == "__main__":
    main()
