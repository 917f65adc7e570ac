"""How long `stormlab up` takes to be ready, and how much memory the stack holds at rest, without Prometheus and Jaeger.

Memory is the proportional set size (PSS): of a page that several processes share each is charged its part, so that the
sum is what the machine would have back. The sum of resident sizes (RSS) counts shared pages once for each process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stormlab.live import ports
from stormlab.live.footprint import Footprint, footprints

#: What has to hold, in s and bytes.
READY, MEMORY = 10.0, 400e6
#: How long the stack rests before it is measured, in s, and how often it is started.
REST, ROUNDS = 10.0, 3
_BLOCK = 15


def main() -> int:
    """Prints the figures; 1 when one is over its limit."""
    print(f"{'ready after':>12} {'PSS':>9} {'RSS':>9}")
    rounds = [measured() for _ in range(ROUNDS)]
    for seconds, parts in rounds:
        print(
            f"{seconds:10.1f} s {megabytes(sum(one.pss for one in parts))} {megabytes(sum(one.rss for one in parts))}"
        )
    seconds, parts = min(rounds, key=lambda one: one[0])
    print("\nprocess by process:")
    for one in parts:
        print(f"{'':12} {megabytes(one.pss)} {megabytes(one.rss)}  {named(one.command)}")
    memory = max(sum(one.pss for one in each) for _, each in rounds)
    print(
        f"\nbest start {seconds:.1f} s (below {READY:g}); most memory {megabytes(memory)} (below {megabytes(MEMORY)})"
    )
    return int(seconds >= READY or memory >= MEMORY)


def measured() -> tuple[float, list[Footprint]]:
    """Seconds from the command to readiness, and the processes at rest."""
    words = ["--base-port", str(ports.block(_BLOCK)), "--proxy", "embedded", "--no-prometheus", "--no-jaeger"]
    with tempfile.TemporaryDirectory(prefix="stormlab-footprint-") as scratch:
        env = os.environ | {"STORMLAB_STATE": str(Path(scratch) / "stack.json")}
        began = time.monotonic()
        command = [sys.executable, "-m", "stormlab", "up", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
            try:
                assert process.stdout is not None and process.stdout.readline().startswith("ready")
                seconds = time.monotonic() - began
                time.sleep(REST)
                return seconds, footprints(process.pid)
            finally:
                process.terminate()


def megabytes(size: float) -> str:
    return f"{size / 1e6:6.0f} MB"


def named(command: str) -> str:
    """What is told of a command: the module it runs and what tells it apart."""
    found = re.search(r"-m (\S+)(.*)", command)
    return f"{found[1]}{found[2]}"[:60] if found else command[:60]


if __name__ == "__main__":
    sys.exit(main())
