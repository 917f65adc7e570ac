"""Two keys of a scenario varied over a grid, every point replicated: the vulnerability map.

Every point is played twice: with the scenario's own trigger, and with an outage of all services instead, the strongest
trigger there is. A point is *metastable* when most runs with the trigger stay down because of a loop, *overloaded* when
they are down for another reason, *vulnerable* when it is the outage that leaves it down, and *stable* otherwise.
Finished points are lines of ``points.jsonl``, so that a sweep that was killed goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stormlab.api.places import in_processes, on_dask
from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.model import Scenario
from stormlab.sim import engines

#: The outage lasts as long as the trigger, and at least so many s.
OUTAGE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """``n`` values of ``key``, from ``low`` to ``high``, both included; whole where both ends are and n divides."""

    key: str
    low: float
    high: float
    n: int

    @classmethod
    def parse(cls, text: str) -> Axis:
        """``clients.web.arrivals.rate=20:120:11``; raises BadInput for anything else."""
        key, _, span = text.partition("=")
        try:
            low, high, n = span.split(":")
            axis = cls(key=key.strip(), low=float(low), high=float(high), n=int(n))
        except ValueError:
            raise BadInput(
                f"{text}: write an axis as key=low:high:points, for example clients.web.arrivals.rate=20:120:11"
            ) from None
        if not axis.key or axis.n < 2 or axis.low >= axis.high:
            raise BadInput(f"{text}: an axis needs a key, two points or more, and low below high")
        return axis

    @property
    def values(self) -> list[float | int]:
        """The values, whole numbers when all of them are."""
        values = np.linspace(self.low, self.high, self.n)
        return [int(v) for v in values] if np.all(values == np.rint(values)) else [float(f"{v:.9g}") for v in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is swept: everything that a point needs to be played anywhere."""

    scenario: str
    variant: str
    overrides: tuple[str, ...]
    x: Axis
    y: Axis
    seed: int
    seeds: int
    engine: str

    def at(self, column: int, row: int, source: loader.Source | None = None) -> Scenario:
        """The scenario of one point; raises BadInput when a key or a value does not fit.

        Args:
            source: the file, when it has been read already, perhaps on another machine.
        """
        own = (f"{self.x.key}={self.x.values[column]}", f"{self.y.key}={self.y.values[row]}")
        read = source or loader.read(self.scenario)
        return loader.resolve(read, variant=self.variant, overrides=[*self.overrides, *own])

    @property
    def points(self) -> list[tuple[int, int]]:
        return [(column, row) for row in range(self.y.n) for column in range(self.x.n)]


def outage(scenario: Scenario) -> Scenario:
    """``scenario`` with an outage of all its services in the place of its faults, and twice the time to recover."""
    start = scenario.trigger_start if scenario.faults else min(scenario.run.warmup + 10, scenario.run.duration / 2)
    trigger = scenario.trigger_end - start if scenario.faults else 0.0
    lasting = max(trigger, OUTAGE)
    tree = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    tree["faults"] = [{"kind": "pause", "target": name, "at": start, "for": lasting} for name in scenario.services]
    left = scenario.run.duration - start - max(trigger, 0.0)
    tree["run"]["duration"] = start + lasting + 2 * max(left, OUTAGE)
    return Scenario.model_validate(tree)


def region(trigger: Counter[str], provoked: Counter[str]) -> str:
    """The region of a point, by the majority of its runs."""
    runs = trigger.total()
    if 2 * trigger["metastable"] > runs:
        return "metastable"
    if 2 * (trigger["metastable"] + trigger["collapsed"]) > runs:
        return "overloaded"
    down = provoked["metastable"] + provoked["collapsed"]
    return "vulnerable" if 2 * down > provoked.total() else "stable"


def play_point(sweep: Sweep, source: loader.Source, column: int, row: int) -> dict[str, Any]:
    """One finished point as it is written to ``points.jsonl``."""
    scenario = sweep.at(column, row, source)
    engine = sweep.engine
    if engine == "auto":
        engine = "simpy" if engines.objection(scenario) else "fast"
    engines.require(scenario, engine)
    strongest = outage(scenario)
    seeds = range(sweep.seed, sweep.seed + sweep.seeds)
    runs = [engines.run(scenario, engine=engine, seed=seed) for seed in seeds]
    trigger = Counter(run.verdict.word.value for run in runs)
    provoked: Counter[str] = Counter()
    if 2 * (trigger["metastable"] + trigger["collapsed"]) <= sweep.seeds:
        provoked.update(engines.run(strongest, engine=engine, seed=seed).verdict.word.value for seed in seeds)
    return {
        "column": column,
        "row": row,
        "x": sweep.x.values[column],
        "y": sweep.y.values[row],
        "region": region(trigger, provoked),
        "trigger": dict(sorted(trigger.items())),
        "outage": dict(sorted(provoked.items())),
        "goodput_ratio": float(np.mean([run.measures["after"]["goodput_ratio"] for run in runs])),
        "engine": engine,
    }


def run_sweep(
    sweep: Sweep,
    folder: Path,
    *,
    jobs: int = 1,
    dask: str = "",
    heard: Callable[[dict[str, Any], int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Every point, row by row; those that an earlier call has finished in ``folder`` are not played again.

    Args:
        jobs: processes of this machine to play in.
        dask: the address of a Dask scheduler to play on instead, such as tcp://10.0.0.1:8786.
        heard: is told each point that has just been finished, how many are done, and how many there are.

    Raises:
        BadInput: a key or a value does not fit, or ``folder`` holds another sweep.
    """
    source = loader.read(sweep.scenario)
    for corner in (sweep.points[0], sweep.points[-1]):
        sweep.at(*corner, source)
    done = _resumed(sweep, folder)
    missing = [point for point in sweep.points if point not in done]
    play = partial(play_point, sweep, source)
    played = on_dask(play, missing, address=dask) if dask else in_processes(play, missing, jobs=jobs)
    with (folder / "points.jsonl").open("a", encoding="utf-8") as file:
        for result in played:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
            file.flush()
            done[result["column"], result["row"]] = result
            if heard is not None:
                heard(result, len(done), len(sweep.points))
    return [done[point] for point in sweep.points]


def _resumed(sweep: Sweep, folder: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """The points that are there already; a line that was torn by the end of the process is cut off."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(sweep) | {"effective": loader.dump(sweep.at(0, 0))}, indent=2, ensure_ascii=False) + "\n"
    kept = folder / "sweep.json"
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise BadInput(f"{folder}: holds another sweep; choose another --out, or replace it with --force")
    if not kept.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder}: this folder is not empty and holds no sweep; choose another --out")
    part = folder / ".sweep.json.part"
    part.write_text(text, encoding="utf-8")
    part.replace(kept)
    points = folder / "points.jsonl"
    points.touch()
    whole = points.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    os.truncate(points, len(whole))
    results = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    return {(one["column"], one["row"]): one for one in results}


#: What a sweep writes to its folder.
OURS = ("sweep.json", "points.jsonl", "map.csv", "map.png", ".sweep.json.part")


def clear(folder: Path) -> None:
    """Remove an earlier sweep from ``folder``; raises BadInput when there is anything else."""
    if not folder.is_dir():
        return
    others = sorted(path.name for path in folder.iterdir() if path.name not in OURS)
    if others:
        raise BadInput(f"{folder}: holds {others[0]!r}, which no sweep has written; move it away")
    for name in OURS:
        (folder / name).unlink(missing_ok=True)
