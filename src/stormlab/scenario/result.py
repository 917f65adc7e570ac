"""What a run leaves behind, in memory and as a folder; both worlds write the same."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stormlab.scenario import loader
from stormlab.scenario.expectations import Check, check
from stormlab.scenario.measures import all_measures
from stormlab.scenario.model import Scenario
from stormlab.scenario.recorder import CallSample, Recorder, write_calls
from stormlab.scenario.series import Series
from stormlab.scenario.verdict import Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """How much of a fault was asked for and how much was observed, in the same ``unit``."""

    fault: str
    unit: str
    asked: float
    observed: float
    tolerance: float = 0.1

    @property
    def ok(self) -> bool:
        return abs(self.observed - self.asked) <= self.tolerance * abs(self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of one scenario in one world with one seed. ``void`` lists why its figures must not be used."""

    scenario: Scenario
    world: str
    seed: int
    series: Series
    calls: Sequence[CallSample]
    verdict: Verdict
    checks: Sequence[Check]
    measures: Mapping[str, Mapping[str, float]]
    doses: Sequence[Dose] = ()
    void: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None

    def __repr__(self) -> str:
        played = " ".join(filter(None, (self.scenario.name, self.scenario.variant, self.world)))
        return f"<Result {played} {self.seed}: {self.verdict.sentence}>"

    @property
    def valid(self) -> bool:
        return not self.void

    @property
    def ok(self) -> bool:
        """Whether every expectation holds."""
        return all(one.ok for one in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "scenario": self.scenario.name,
            "variant": self.scenario.variant,
            "world": self.world,
            "seed": self.seed,
            "verdict": self.verdict.word.value,
            "time_to_recover": self.verdict.time_to_recover,
            "loop": self.verdict.loop.value if self.verdict.loop else None,
            "sentence": self.verdict.sentence,
            "valid": self.valid,
            "void": list(self.void),
            "measures": _plain(self.measures),
            "expectations": [_plain(asdict(one)) for one in self.checks],
            "doses": [_plain(asdict(dose) | {"ok": dose.ok}) for dose in self.doses],
            "out": str(self.out) if self.out else None,
        }


def conclude(
    recorder: Recorder,
    *,
    world: str,
    seed: int,
    doses: Sequence[Dose] = (),
    void: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Result:
    """Judge what a recorder has seen."""
    scenario, series = recorder.scenario, recorder.series()
    verdict = judge(series, scenario)
    return Result(
        scenario=scenario,
        world=world,
        seed=seed,
        series=series,
        calls=recorder.calls(),
        verdict=verdict,
        checks=check(scenario, series, verdict),
        measures=all_measures(series, scenario),
        doses=doses,
        void=void,
        facts=facts or {},
    )


def write(result: Result, folder: Path) -> None:
    """Write the result folder: scenario.toml, manifest.json, series.csv, calls.csv, verdict.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.toml").write_text(loader.dump(result.scenario), encoding="utf-8")
    (folder / "manifest.json").write_text(_text(_manifest(result)), encoding="utf-8")
    result.series.write(folder / "series.csv")
    write_calls(folder / "calls.csv", result.calls)
    (folder / "verdict.json").write_text(_text(result.as_json()), encoding="utf-8")


def _manifest(result: Result) -> dict[str, Any]:
    packages = {name: version(name) for name in ("stormlab", "simpy", "numpy")}
    return {
        "scenario": result.scenario.name,
        "variant": result.scenario.variant,
        "world": result.world,
        "seed": result.seed,
        "valid": result.valid,
        "void": list(result.void),
        "doses": [asdict(dose) | {"ok": dose.ok} for dose in result.doses],
        "versions": {"python": platform.python_version(), **packages},
        **result.facts,
    }


def _text(tree: Mapping[str, Any]) -> str:
    return json.dumps(_plain(tree), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
