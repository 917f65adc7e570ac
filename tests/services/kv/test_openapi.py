"""The OpenAPI document is true: generated requests, good and bad, meet no answer that it does not promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.kv.running import Running


@pytest.mark.live
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    kv = Running(tmp_path / "kv.log", max_value_bytes=20_000, tlog_durability="never")
    try:
        command = [sys.executable, "-m", "schemathesis.cli", "run", kv.public + "/openapi.json"]
        done = subprocess.run(
            [*command, "--max-examples", "60", "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=150
        )
        assert done.returncode == 0, done.stdout
        assert kv.stop() == 0
    finally:
        kv.kill()
