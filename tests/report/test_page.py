"""The page: whole, self-contained, escaped, and saying what the runs say."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from stormlab.report.page import command, write_report
from stormlab.report.standing import standings
from stormlab.scenario.result import Dose, Result
from tests.report.conftest import Make

VOID = {"meta", "link", "img", "br", "hr", "input", "path", "use", "rect"}
HOSTILE = '<script>alert("1")</script> & $\\frac{1}{$ 100 % \'"'


class Page(HTMLParser):
    """Collects tags, addresses and text, and complains about tags that do not nest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]


@pytest.fixture(scope="session")
def folder(both_worlds: list[Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(both_worlds, folder)
    return folder


def test_the_page_is_well_formed_and_loads_nothing(folder: Path) -> None:
    page = Page(folder / "report.html")
    assert all(address.startswith("#") for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    assert "script" not in page.tags
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "url(http" not in text
    assert "@import" not in text


def test_the_page_says_what_both_worlds_found(folder: Path, both_worlds: list[Result]) -> None:
    page = Page(folder / "report.html")
    for one in both_worlds:
        assert one.verdict.sentence in page.text
    assert "✗ metastable" in page.text
    assert "the storm outlives its trigger" in page.text
    assert "The two worlds agree" in page.text
    assert "stormlab run retry-storm --variant naive --both --seed 1" in page.text
    assert page.tags.count("svg") == 4


def test_the_plots_lie_next_to_the_page(folder: Path) -> None:
    plots = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    assert set(plots) == {"load.png", "latency.png", "queue.png", "failures.png"}
    assert all(content.startswith(b"\x89PNG") for content in plots.values())
    assert (folder / "divergence.json").is_file()


def test_the_same_runs_give_the_same_page(folder: Path, both_worlds: list[Result], tmp_path: Path) -> None:
    again = write_report(both_worlds, tmp_path)
    assert again.read_bytes() == (folder / "report.html").read_bytes()


def test_text_of_the_scenario_is_text_and_never_markup(storm: Result, make: Make, tmp_path: Path) -> None:
    spike = storm.scenario.faults[0].model_copy(update={"name": HOSTILE})
    scenario = storm.scenario.model_copy(
        update={"title": HOSTILE, "description": HOSTILE, "variant": HOSTILE, "faults": (spike,)}
    )
    result = make(
        storm=True,
        scenario=scenario,
        doses=[Dose(fault=HOSTILE, unit=HOSTILE, asked=1.0, observed=2.0)],
        void=[HOSTILE],
        facts={HOSTILE: HOSTILE},
    )
    page = Page(write_report([result], tmp_path))
    assert "script" not in page.tags
    assert page.text.count("<script>alert") >= 8


def test_a_void_run_says_so_first_and_shows_its_dose(make: Make, tmp_path: Path) -> None:
    dose = Dose(fault="spike", unit="1/s", asked=180.0, observed=91.0)
    page = Page(write_report([make(storm=True, world="live", void=["the load was late"], doses=[dose])], tmp_path))
    assert page.text.index("must not be used") < page.text.index("✗ metastable")
    assert "the load was late" in page.text
    assert "180" in page.text
    assert "91" in page.text


def test_a_run_without_faults_and_expectations(quiet: Result, tmp_path: Path) -> None:
    page = Page(write_report([quiet], tmp_path))
    assert "✓ unaffected" in page.text
    assert "Expectations" not in page.text
    assert page.tags.count("svg") == 3, "nothing failed, so there is no figure of failures"


def test_expectations_of_many_runs_are_held_against_their_share(make: Make) -> None:
    storms = [make(storm=True, seed=seed) for seed in range(9)]
    verdict = standings([*storms, make(storm=False, scenario=storms[0].scenario, seed=9)])[0]
    assert (verdict.ok, verdict.value) == (True, "holds in 9 of 10")
    fewer = standings([*storms[:1], make(storm=False, scenario=storms[0].scenario)])[0]
    assert (fewer.ok, fewer.value) == (False, "holds in 1 of 2")


def test_the_command_is_the_one_that_was_typed_where_it_is_known(storm: Result, make: Make) -> None:
    assert command([storm]) == "stormlab run retry-storm --variant naive --seed 1"
    assert command([make(storm=True, seed=seed) for seed in (3, 4)]).endswith("--seed 3 --seeds 2")
    assert command([make(storm=True, world="live", facts={"command": "stormlab run x"})]) == "stormlab run x"
