"""``stormlab new`` writes a scenario that runs, and refuses what would lose something."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import stormlab
from stormlab.cli import cli
from stormlab.errors import InvalidValue
from stormlab.live import survey
from stormlab.live.survey import Survey
from stormlab.scenario.external import Address, address
from stormlab.scenario.template import template


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(word) for word in words], prog_name="stormlab")
    return result.exit_code, result.output


def test_the_file_shows_a_storm_and_its_variant_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    status, output = run("new", file)
    assert (status, output) == (0, f"wrote {file}; next: stormlab run {file}\n")
    assert stormlab.run(file)[0].verdict.word == "metastable"
    assert stormlab.run(file, variant="budget").ok


def test_the_numbers_of_a_service_are_those_that_were_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Address] = []

    def measured(there: Address) -> Survey:
        asked.append(there)
        return Survey(mean=0.04, spread=0.5, capacity=100.0, callers=8, saturated=True)

    monkeypatch.setattr(survey, "survey", measured)
    status, output = run("new", tmp_path / "mine.toml", "--url", "http://localhost:9000/x", "--name", "shop")
    assert status == 0 and "at most 100 answers/s" in output and output.endswith("--both\n")
    assert asked == [Address(9000, "/x")]
    shop = stormlab.load(tmp_path / "mine.toml").services["shop"]
    assert (shop.url, shop.workers) == ("http://127.0.0.1:9000/x", 4)
    assert shop.capacity == pytest.approx(100)


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("mine", encoding="utf-8")
    status, output = run("new", file)
    assert (status, "exists already" in output, file.read_text(encoding="utf-8")) == (2, True, "mine")
    assert run("new", file, "--force")[0] == 0
    assert run("new", tmp_path / "no" / "mine.toml")[0] == 2


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://example.com/", "127.0.0.1:80", "http://127.0.0.1:70000/", "http://127.0.0.1.evil.com/",
     "http://127.0.0.1:80/a b", "http://localhost@example.com/", "http://127.0.0.1/\r\nX: y"],
)  # fmt: skip
def test_only_plain_addresses_on_this_machine_are_accepted(url: str) -> None:
    with pytest.raises(InvalidValue, match="forward a local port"):
        address(url)


def test_an_address_is_completed() -> None:
    assert address("http://localhost") == Address(80, "/")
    assert str(address("http://127.0.0.1:81/a?b=c")) == "http://127.0.0.1:81/a?b=c"


@pytest.mark.parametrize(("workers", "mean"), [(1, 2.0), (8, 0.08), (64, 0.001)])
def test_the_offered_load_leaves_room_and_can_be_generated(tmp_path: Path, workers: int, mean: float) -> None:
    file = tmp_path / "x.toml"
    file.write_text(template(name="x", workers=workers, mean=mean), encoding="utf-8")
    scenario = stormlab.load(file)
    rate = scenario.clients["users"].arrivals.rate  # type: ignore[union-attr]
    assert 0 < rate <= 200 and rate <= 0.65 * scenario.services["x"].capacity
