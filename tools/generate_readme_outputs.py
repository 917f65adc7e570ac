"""Rewrites what README.md shows as the output of commands, by running the commands.

A block follows a comment ``<!-- output of: stormlab … -->``. Commands run in an empty folder; the line that names the
report is left out, because its path holds the time.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- output of: stormlab (?P<words>.+) -->\n```text\n).*?(?=```\n)", re.DOTALL)


def rewritten(text: str) -> str:
    """``text`` with every block as its command prints it now."""
    return BLOCK.sub(lambda match: match[1] + output(shlex.split(match["words"])), text)


def output(words: list[str]) -> str:
    """What ``stormlab`` prints for ``words``, without the path of the report.

    Raises:
        subprocess.CalledProcessError: its status is not 0.
    """
    command = [sys.executable, "-m", "stormlab", *words]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines() if not line.startswith("report: "))


def main() -> None:
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
