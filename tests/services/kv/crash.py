"""Kills the key-value service with SIGKILL at random moments under concurrent writes and checks what it promised.

``python -m tests.services.kv.crash --kills 200``. The service runs in forked children, so that a start costs
milliseconds; its log is compacted again and again, so that kills hit compaction too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from services.common.program import main as run_program
from services.kv.service import run
from services.kv.settings import KvSettings
from tests.services.kv.ledger import Ledger, Lost

#: s of writing before the kill: from in the middle of the start to many commits.
_LONGEST = 0.4


@dataclass(slots=True)
class Child:
    """A forked service and where it listens."""

    pid: int
    address: str
    dead: bool = False

    def kill(self) -> None:
        """Ends it at once, unless it is gone already."""
        if not self.dead:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.dead = True


@dataclass(frozen=True, slots=True)
class Tally:
    """What a crash test did."""

    kills: int
    compactions: int
    acknowledged: int
    unknown: int


def crash_test(
    folder: Path, *, kills: int, writers: int, seed: int, settings: dict[str, str], sabotage: bool = False
) -> Tally:
    """Starts, loads and kills the service ``kills`` times, and compares after each.

    Args:
        sabotage: cuts the log in half before the last comparison, which has to notice.

    Raises:
        Lost: something acknowledged was not there, or something else was.
    """
    rng = random.Random(seed)
    ledger = Ledger(writers, rng)
    compactions = 0
    for number in range(kills):
        child = start(folder, settings)
        asyncio.run(_round(ledger, child, rng.random() * _LONGEST))
        compactions += (folder / "kv.log.compact").exists()
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {kills} kills, {ledger.acknowledged} acknowledged", end="", file=sys.stderr)
    if sabotage:
        path = folder / "kv.log"
        os.truncate(path, path.stat().st_size // 2)
    child = start(folder, settings)
    try:
        asyncio.run(ledger.verify(child.address))
    finally:
        child.kill()
    return Tally(kills, compactions, ledger.acknowledged, ledger.unknown)


async def _round(ledger: Ledger, child: Child, seconds: float) -> None:
    try:
        await ledger.verify(child.address)
        asyncio.get_running_loop().call_later(seconds, child.kill)
        await ledger.write(child.address, lambda: False)
    finally:
        child.kill()


def start(folder: Path, settings: dict[str, str]) -> Child:
    """A forked service that has read its history."""
    output = folder / "out"
    output.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _serve(folder, output, settings)
    address = next(line["address"] for line in _events(output, pid) if line["event"] == "listening")
    return Child(pid, f"http://{address}")


def _serve(folder: Path, output: Path, settings: dict[str, str]) -> None:
    """The life of the child; never returns."""
    status = 1
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ |= {"PORT": "0", "TLOG_FILENAME": str(folder / "kv.log"), "TLOG_COMPACT_BYTES": "30000"} | settings
        sys.argv = ["kv"]
        status = run_program("kv", KvSettings, run)
    finally:
        os._exit(status)


def _events(output: Path, pid: int) -> list[dict[str, str]]:
    """The child's log, once it has read its history."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        text = output.read_text() if output.exists() else ""
        if '"event": "replayed"' in text:
            return [json.loads(line) for line in text.splitlines()]
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise Lost(f"the service did not start again: {text}")
        time.sleep(0.005)
    raise Lost("the service took longer than 30 s to start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--sabotage", action="store_true", help="damage the log at the end: the test has to fail")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            tally = crash_test(
                Path(folder),
                kills=options.kills,
                writers=options.writers,
                seed=options.seed,
                settings={},
                sabotage=options.sabotage,
            )
        except Lost as error:
            print(f"crash test FAILED (seed {options.seed}): {error}")
            return 1
    print(
        f"crash test passed: {tally.kills} kills, {tally.acknowledged} writes acknowledged, none lost; "
        f"{tally.unknown} cut off without an answer, {tally.compactions} compactions interrupted; "
        f"seed {options.seed}, {time.monotonic() - begin:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
