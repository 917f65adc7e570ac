"""What the runner tells the load generator, and what it gets back: the only thing the two processes share.

The runner writes a plan, starts the generator, waits for its ``ready`` file, and answers with a ``go`` file that holds
the start of scenario time on the machine's monotonic clock. The generator leaves one ``.npz`` file per client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlab.outcome import Ending
from stormlab.scenario import loader
from stormlab.scenario.model import Scenario

ENVIRONMENT = "STORMLAB_PLAN"
#: Endings as the numbers that rows hold.
ENDINGS = tuple(Ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a load generator needs; times in s of the live clock.

    ``targets`` are base URLs by service; ``metrics`` is the port of the generator's scrape page, 0 for none.
    """

    scenario_path: str
    name: str
    variant: str
    seed: int
    targets: Mapping[str, Sequence[str]]
    folder: str
    grace: float
    metrics: int = 0

    def scenario(self) -> Scenario:
        loaded = loader.load(Path(self.scenario_path))
        return loaded.model_copy(update={"name": self.name, "variant": self.variant})

    @property
    def ready(self) -> Path:
        return Path(self.folder) / "ready"

    @property
    def go(self) -> Path:
        return Path(self.folder) / "go"

    def rows(self, client: str) -> Path:
        return Path(self.folder) / f"{client}.npz"

    def moves(self, service: str) -> Path:
        """Which replicas of ``service`` its callers took out of rotation, and when: rows of :class:`Move` as JSON."""
        return Path(self.folder) / f"{service}.moves.json"

    def write(self) -> Path:
        path = Path(self.folder) / "plan.json"
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read(path: str | Path) -> Plan:
    return Plan(**json.loads(Path(path).read_text(encoding="utf-8")))


def announce(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    half = path.with_suffix(".half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What one client did: an element per request, in s since the start; ``tries`` are the starts of all attempts.

    ``unfinished`` requests had no ending when the grace period was over; ``dropped`` were never sent because too many
    were under way already.
    """

    intended: NDArray[np.float64]
    sent: NDArray[np.float64]
    ended: NDArray[np.float64]
    ending: NDArray[np.int64]
    attempts: NDArray[np.int64]
    tries: NDArray[np.float64]
    unfinished: int
    dropped: int

    def write(self, path: Path) -> None:
        half = path.with_suffix(".half.npz")
        np.savez(half, **{name: getattr(self, name) for name in self.__slots__})
        half.replace(path)

    @classmethod
    def read(cls, path: Path) -> Rows:
        with np.load(path) as file:
            values: dict[str, Any] = {name: file[name] for name in file.files}
        values |= {name: int(values[name]) for name in ("unfinished", "dropped")}
        return cls(**values)

    def lateness(self) -> NDArray[np.float64]:
        """How long after its intended start each request was really started, in s."""
        late: NDArray[np.float64] = np.maximum(0.0, self.sent - self.intended)
        return late
