"""What the live tests start and look for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from stormlab import live
from stormlab.live.world import LATE
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

#: How often a run is played at most whose load was late because the machine had something else to do.
TRIES = 3
ROOT = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def marked(mark: str) -> list[int]:
    """The processes whose environment holds ``mark``: those a run started, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment and alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def played(scenario: Scenario, folder: Path, *, seed: int = 1, proxy: str = "embedded") -> Result:
    """A live run; one that is void because the machine was late says nothing about us, and is played again."""
    for attempt in range(TRIES):
        result = live.run(scenario, seed=seed, proxy=proxy, logs=folder / f"logs-{attempt}")
        late = result.facts["lateness_p99"] / scenario.run.live_speed > LATE
        if result.valid or not (late or result.facts["standstills"]):
            break
        warnings.warn(f"{scenario.name} was void: {'; '.join(result.void)}", stacklevel=2)
    return result
