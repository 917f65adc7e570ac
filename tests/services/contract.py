"""Holds a running service to its own OpenAPI document, with generated requests, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def findings(address: str, folder: Path, *, examples: int = 60) -> str:
    """What schemathesis finds at ``address`` (``http://host:port``); empty when that is nothing."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)]
    command += ["run", address + "/openapi.json", "--max-examples", str(examples), "--no-color"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
    return "" if done.returncode == 0 else done.stdout + done.stderr
