"""What the README promises about its scenario and its exit statuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import stormlab

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("variant", "status"), [("", 1), ("budget", 0)])
def test_its_scenario_ends_as_it_says(tmp_path: Path, variant: str, status: int) -> None:
    block = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    path = tmp_path / "slow.toml"
    path.write_text(block[1], encoding="utf-8")
    assert stormlab.run(path, variant=variant).status == status


def test_it_names_every_command_that_there_is() -> None:
    from stormlab.cli import cli

    table = TEXT[TEXT.index("## Commands") : TEXT.index("## Layout")]
    assert [name for name in cli.commands if f"{name} " not in table and f"{name}`" not in table] == []
