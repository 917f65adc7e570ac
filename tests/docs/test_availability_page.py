"""The page about availability prints what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from stormlab.cli import cli

PAGE = Path(__file__).parents[2] / "docs" / "availability.md"
EXAMPLES = re.findall(r"^\$ stormlab (.*)\n((?:.*\n)*?)```", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_the_example_prints_what_the_page_says(command: str, printed: str) -> None:
    result = CliRunner().invoke(cli, shlex.split(command), prog_name="stormlab")
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.output.rstrip().splitlines()] == printed.rstrip().splitlines()


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 10
