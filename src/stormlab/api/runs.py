"""What several runs of one scenario say together: do its expectations hold, and with which status does that end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, overload

from stormlab.report.findings import headline, worlds
from stormlab.report.standing import Standing, standings
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result


class Status(IntEnum):
    """What a process exits with."""

    HOLDS = 0
    FAILS = 1
    BAD_INPUT = 2
    VOID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs(Sequence[Result]):
    """The runs of one scenario and one variant: every world, every seed, simulation first.

    ``out`` is the folder they were written to, ``page`` the report in it; ``None`` when nothing was written.
    """

    results: tuple[Result, ...]
    out: Path | None = None
    page: Path | None = None

    def __repr__(self) -> str:
        return f"<Runs {' '.join(filter(None, (self.scenario.name, self.scenario.variant)))}: {headline(self.results)}>"

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice) -> Result | tuple[Result, ...]:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @property
    def scenario(self) -> Scenario:
        return self.results[0].scenario

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds that were run in, simulation first."""
        return tuple(worlds(self.results))

    @property
    def standings(self) -> list[Standing]:
        """Every expectation in every world."""
        return standings(self.results)

    @property
    def valid(self) -> bool:
        """Whether no run is void."""
        return all(result.valid for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether every expectation holds in enough runs of every world."""
        return all(standing.ok for standing in self.standings)

    @property
    def status(self) -> Status:
        """A void run says nothing about expectations, so it comes first."""
        if not self.valid:
            return Status.VOID
        return Status.HOLDS if self.ok else Status.FAILS

    def as_json(self) -> dict[str, Any]:
        """The summary that is written next to the runs."""
        return {
            "scenario": self.scenario.name,
            "variant": self.scenario.variant,
            "status": int(self.status),
            "runs": [{"world": one.world, "seed": one.seed, "verdict": one.verdict.word.value} for one in self.results],
            "expectations": [asdict(standing) for standing in self.standings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Mapping[str, Runs]):
    """The runs of several variants of one scenario, by variant; ``out`` and ``page`` as for :class:`Runs`."""

    runs: Mapping[str, Runs]
    out: Path | None = None
    page: Path | None = None

    def __getitem__(self, variant: str) -> Runs:
        return self.runs[variant]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    @property
    def status(self) -> Status:
        """The worst among the variants."""
        return max(runs.status for runs in self.runs.values())

    def as_json(self) -> dict[str, Any]:
        """The summary that is written next to the variants."""
        return {"status": int(self.status), "variants": [runs.as_json() for runs in self.runs.values()]}
