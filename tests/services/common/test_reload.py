"""Live reload by numbers: what is taken over, what waits, what is ignored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog.testing

from services.common.reload import LiveSettings
from services.common.settings import local_layers
from services.common.sources import Sources
from services.kv.settings import KvSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kv.toml"
    path.write_text('log_level = "INFO"\n')
    return path


def live(file: Path, **environment: str) -> LiveSettings[KvSettings]:
    environment |= {"CONFIG_FILE": str(file)}
    return LiveSettings(Sources(KvSettings, local_layers(KvSettings, [], program="kv", environment=environment)))


def look(settings: LiveSettings[KvSettings]) -> list[str]:
    """What is logged by one look."""
    with structlog.testing.capture_logs() as lines:
        asyncio.run(settings.look())
    return [line["event"] for line in lines]


def test_live_settings_are_taken_over_and_told(file: Path) -> None:
    settings, heard = live(file), list[str]()
    settings.subscribe(lambda now: heard.append(now.log_level))
    file.write_text('log_level = "DEBUG"\nworkers = 3\n')
    assert look(settings) == ["settings changed"]
    assert heard == ["INFO", "DEBUG"]
    assert (settings.now.log_level, settings.now.workers) == ("DEBUG", 3)


def test_the_same_content_is_no_change(file: Path) -> None:
    settings = live(file)
    file.write_text(file.read_text())
    assert look(settings) == []


def test_what_is_not_live_waits_for_a_restart(file: Path) -> None:
    settings = live(file)
    file.write_text("port = 1\n")
    assert look(settings) == ["settings wait for a restart"]
    assert settings.now.port == 8080


@pytest.mark.parametrize(
    "content", ["log_level = ", 'log_level = "LOUD"', "x = 1", 'log_level = "DEBUG"\nworkers = -1']
)
def test_content_that_cannot_be_used_changes_nothing(file: Path, content: str) -> None:
    settings = live(file)
    before = settings.now
    file.write_text(content)
    assert look(settings) == ["new settings ignored"]
    assert settings.now is before
    assert look(settings) == []


def test_a_file_that_disappears_changes_nothing_and_is_taken_up_when_it_is_back(file: Path) -> None:
    settings = live(file)
    file.unlink()
    assert look(settings) == ["new settings ignored"]
    file.write_text('log_level = "ERROR"')
    assert look(settings) == ["settings changed"]
    assert settings.now.log_level == "ERROR"


def test_a_higher_layer_keeps_its_word(file: Path) -> None:
    settings = live(file, LOG_LEVEL="WARNING")
    file.write_text('log_level = "DEBUG"')
    assert look(settings) == []
    assert settings.now.log_level == "WARNING"


def test_which_settings_are_live_is_explicit() -> None:
    assert KvSettings.live() == {
        "log_level", "log_first", "log_then", "otel_traces_sampler_arg",
        "flags", "flag_rules", "trusted_proxies", "workers",
    }  # fmt: skip
